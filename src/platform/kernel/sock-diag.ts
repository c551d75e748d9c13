// TCP sockets of this host with their users, listening or connected, asked of the kernel (sock_diag(7)).
// Reading /proc/net/tcp instead takes milliseconds, even when the table is short.
import { bytesOf } from "../../core/ip-address.ts";
import { readText } from "../files.ts";
import { NetlinkSocket, NLM_F_DUMP, renderMessage } from "./netlink.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const IPPROTO_TCP = 6;
const LISTENING = 1 << 10;
/** The state of a listening socket in /proc/net/tcp. */
const TABLE_LISTENING = "0A";
const ANY_STATE = 0xffffffff;
/** Of `struct inet_diag_req_v2`, and where `struct inet_diag_msg` has the user and the inode. */
const REQUEST_BYTES = 56;
const USER_AT = 64;
const INODE_AT = 68;
/** Where it has the local address; one of IPv4 is followed by zeros. */
const ADDRESS_AT = 8;
const ADDRESS_BYTES = 16;
/** Of `struct inet_diag_sockid`, in the answer and in the request. */
const REMOTE_PORT_AT = 6;
const ID_AT = 8;

export interface ListeningSocket {
  /** By which /proc names it. */
  readonly inode: number;
  /** The user that made it. */
  readonly user: number;
  /** Whether it listens on all addresses of the host. */
  readonly isWildcard: boolean;
}

/** The sockets that listen on a TCP port, on any address; null where the system can't be asked. */
export function listeningSockets(port: number): readonly ListeningSocket[] | null {
  using socket = NetlinkSocket.open(NETLINK_SOCK_DIAG);
  if (socket === null) return null;
  return [AF_INET, AF_INET6].flatMap(
    (family) => askFor(socket, { family, port }) ?? readTable({ family, port }),
  );
}

/** The two ends of a connection; addresses are without a zone, and IPv4 where the sockets are IPv6. */
export interface TcpEnds {
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
}

export type SocketOwner =
  | { readonly kind: "user"; readonly user: number }
  /** No program of this host has that end open: not any more, or not in this network namespace. */
  | { readonly kind: "none" }
  /** The system can't be asked. */
  | { readonly kind: "unknown" };

/** Whose the `from` end of a connection is. */
export function ownerOfConnection(ends: TcpEnds): SocketOwner {
  using socket = NetlinkSocket.open(NETLINK_SOCK_DIAG);
  if (socket === null) return { kind: "unknown" };
  const body = socket.ask(renderConnection(ends))?.body;
  // Without a connection the kernel finds the socket that listens on the port; one without an inode has been closed.
  const isFound = body !== undefined && body.readUInt16BE(REMOTE_PORT_AT) === ends.to.port;
  if (isFound && body.readUInt32LE(INODE_AT) !== 0) {
    return { kind: "user", user: body.readUInt32LE(USER_AT) };
  }
  const isAnswered = askFor(socket, { family: AF_INET, port: ends.to.port }) !== null;
  return { kind: isAnswered ? "none" : "unknown" };
}

interface Question {
  readonly family: number;
  readonly port: number;
}

/** Null: the kernel has no answer, as where its module can't be loaded. */
function askFor(socket: NetlinkSocket, question: Question): readonly ListeningSocket[] | null {
  const answers = socket.dump(renderRequest(question));
  if (answers === null) return null;
  return answers.map(({ body }) => ({
    inode: body.readUInt32LE(INODE_AT),
    user: body.readUInt32LE(USER_AT),
    isWildcard: body.subarray(ADDRESS_AT, ADDRESS_AT + ADDRESS_BYTES).every((byte) => byte === 0),
  }));
}

/** The same from /proc/net/tcp, in milliseconds. */
function readTable({ family, port }: Question): readonly ListeningSocket[] {
  const table = readText(`/proc/net/${family === AF_INET ? "tcp" : "tcp6"}`) ?? "";
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(suffix) && state === TABLE_LISTENING)
    .map((fields) => ({
      inode: Number(fields[9]),
      user: Number(fields[7]),
      isWildcard: /^0+:/.test(fields[1] ?? ""),
    }));
}

function renderRequest({ family, port }: Question): Buffer {
  const body = Buffer.alloc(REQUEST_BYTES);
  body.writeUInt8(family, 0);
  body.writeUInt8(IPPROTO_TCP, 1);
  body.writeUInt32LE(LISTENING, 4);
  body.writeUInt16BE(port, 8);
  return renderMessage({ type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_DUMP, body });
}

function renderConnection({ from, to }: TcpEnds): Buffer {
  const body = Buffer.alloc(REQUEST_BYTES);
  const addresses = [from, to].map(({ address }) => Buffer.from(bytesOf(address)));
  body.writeUInt8(addresses[0]?.length === 4 ? AF_INET : AF_INET6, 0);
  body.writeUInt8(IPPROTO_TCP, 1);
  body.writeUInt32LE(ANY_STATE, 4);
  body.writeUInt16BE(from.port, ID_AT);
  body.writeUInt16BE(to.port, ID_AT + 2);
  for (const [index, bytes] of addresses.entries()) bytes.copy(body, ID_AT + 4 + index * 16);
  // No cookie: any socket with these ends.
  body.fill(0xff, REQUEST_BYTES - 8);
  return renderMessage({ type: SOCK_DIAG_BY_FAMILY, flags: 0, body });
}
