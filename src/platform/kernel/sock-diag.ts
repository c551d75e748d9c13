// Who listens on a port: an accepted connection alone may come from a stranger who took the port first.
// Asks the kernel by netlink (sock_diag(7)): reading /proc/net/tcp takes milliseconds, whatever is in it.
import { dlopen, ptr } from "bun:ffi";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { libcPath } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const REQUEST_DUMP = 0x301;
const IPPROTO_TCP = 6;
const LISTENING = 1 << 10;
const MESSAGE_ERROR = 2;
/** The state of a listening socket in /proc/net/tcp. */
const TABLE_LISTENING = "0A";
/** Of `struct nlmsghdr`, of the request with its `struct inet_diag_req_v2`, and where an answer has its inode. */
const HEADER_BYTES = 16;
const REQUEST_BYTES = 72;
const INODE_AT = HEADER_BYTES + 68;
/** Answers are asked for by port, so there are a handful: one for each address somebody listens on. */
const ANSWER_BYTES = 16 * 1024;

const libc = openLibc();

/** The sockets that listen on a TCP port, on any address, as /proc names them; null where the system can't be asked. */
export function listeningSockets(port: number): ReadonlySet<string> | null {
  if (libc === null) return null;
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return null;
  try {
    const inodes = [AF_INET, AF_INET6].flatMap(
      (family) => askFor(fd, { family, port }) ?? readTable({ family, port }),
    );
    return new Set(inodes.map((inode) => `socket:[${inode}]`));
  } finally {
    libc.close(fd);
  }
}

/** Whether a process has one of the sockets open. */
export function hasSocket(pid: number, sockets: ReadonlySet<string>): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => sockets.has(readLink(`${directory}/${fd}`)));
  } catch {
    // It has gone, or is another user's.
    return false;
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

interface Question {
  readonly family: number;
  readonly port: number;
}

/** Null: the kernel has no answer, as where a module of it can't be loaded. */
function askFor(fd: number, question: Question): number[] | null {
  const request = renderRequest(question);
  if (libc === null || libc.send(fd, ptr(request), request.length, 0) < 0) return null;
  const answer = Buffer.alloc(ANSWER_BYTES);
  const inodes: number[] = [];
  for (;;) {
    const length = Number(libc.recv(fd, ptr(answer), answer.length, 0));
    if (length <= 0) return null;
    const ending = readAnswer(answer.subarray(0, length), inodes);
    if (ending !== null) return ending === MESSAGE_ERROR ? null : inodes;
  }
}

/** The same from /proc/net/tcp, in milliseconds. */
function readTable({ family, port }: Question): number[] {
  const table = `/proc/net/${family === AF_INET ? "tcp" : "tcp6"}`;
  if (!existsSync(table)) return [];
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync(table, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(suffix) && state === TABLE_LISTENING)
    .map((fields) => Number(fields[9]));
}

function renderRequest({ family, port }: Question): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES);
  request.writeUInt32LE(REQUEST_BYTES, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(REQUEST_DUMP, 6);
  request.writeUInt8(family, HEADER_BYTES);
  request.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  request.writeUInt32LE(LISTENING, HEADER_BYTES + 4);
  request.writeUInt16BE(port, HEADER_BYTES + 8);
  return request;
}

/** Collects the inodes of one datagram; the type of the last message when there is no more to come. */
function readAnswer(answer: Buffer, inodes: number[]): number | null {
  for (let at = 0; at + HEADER_BYTES <= answer.length;) {
    const length = answer.readUInt32LE(at);
    const type = answer.readUInt16LE(at + 4);
    if (type !== SOCK_DIAG_BY_FAMILY) return type;
    inodes.push(answer.readUInt32LE(at + INODE_AT));
    // Messages begin at multiples of four bytes.
    at += (length + 3) & ~3;
  }
  return null;
}

function openLibc() {
  const path = process.platform === "linux" ? libcPath() : null;
  if (path === null) return null;
  try {
    return dlopen(path, {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
      recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
      close: { args: ["i32"], returns: "i32" },
    }).symbols;
  } catch {
    return null;
  }
}
