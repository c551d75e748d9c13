// Netlink sockets: the framing of messages and attributes, requests and the kernel's answers (netlink(7)).
import { ptr } from "bun:ffi";
import { type LinuxCalls, linuxCalls } from "./libc.ts";

export interface NetlinkMessage {
  readonly type: number;
  /** After the header. */
  readonly body: Buffer;
}

interface Request extends NetlinkMessage {
  readonly flags: number;
  /** The kernel repeats it in its answers. */
  readonly sequence?: number;
}

/** Requests are answered in messages of these types, or of one's own. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
/** Of `struct nlmsghdr`: length, type, flags, sequence number, port. */
const HEADER_BYTES = 16;
/** Of `struct nlattr`: length and type. */
const ATTRIBUTE_HEADER_BYTES = 4;
const NESTED = 0x8000;
/** Room for one datagram of answers; the kernel puts the rest into the next. */
const DATAGRAM_BYTES = 64 * 1024;
/** A read that fails may report lost answers (ENOBUFS); those before them can still be read. */
const FAILED_READS_MAX = 2;

export class NetlinkSocket implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #fd: number;
  readonly #datagram = Buffer.alloc(DATAGRAM_BYTES);

  private constructor(calls: LinuxCalls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
  }

  /**
   * @param protocol such as NETLINK_NETFILTER, 12
   * @returns null where the kernel does not offer it
   */
  static open(protocol: number): NetlinkSocket | null {
    const calls = linuxCalls();
    const fd = calls?.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol) ?? -1;
    return calls === null || fd < 0 ? null : new NetlinkSocket(calls, fd);
  }

  /** Asks for a list with NLM_F_DUMP, and waits for all of it; null: the kernel refuses. */
  dump(request: Buffer): readonly NetlinkMessage[] | null {
    if (!this.#send(request)) return null;
    const found: NetlinkMessage[] = [];
    for (;;) {
      const messages = this.#receive();
      if (messages === null) return null;
      for (const message of messages) {
        if (message.type === NLMSG_ERROR) return null;
        if (message.type === NLMSG_DONE) return found;
        found.push(message);
      }
    }
  }

  /** Asks for one message, and waits for it; null: the kernel refuses, or knows none. */
  ask(request: Buffer): NetlinkMessage | null {
    if (!this.#send(request)) return null;
    const [message = null] = this.#receive() ?? [];
    return message?.type === NLMSG_ERROR ? null : message;
  }

  /**
   * Sends a batch; returns the error numbers that the kernel answers with, 0 for a message that asked for NLM_F_ACK.
   * The kernel works while it takes the batch, so no answer is waited for.
   */
  commit(batch: Buffer): readonly number[] {
    this.#send(batch);
    const errors: number[] = [];
    for (let failed = 0; failed < FAILED_READS_MAX;) {
      const messages = this.#receive(MSG_DONTWAIT);
      if (messages === null) failed++;
      else errors.push(...messages.filter(({ type }) => type === NLMSG_ERROR).map(errorNumberOf));
    }
    return errors;
  }

  [Symbol.dispose](): void {
    this.#calls.close(this.#fd);
  }

  #send(bytes: Buffer): boolean {
    return this.#calls.send(this.#fd, ptr(bytes), bytes.length, 0) >= 0;
  }

  /** The messages of one datagram; null: there is none. */
  #receive(flags = 0): readonly NetlinkMessage[] | null {
    const length = Number(
      this.#calls.recv(this.#fd, ptr(this.#datagram), this.#datagram.length, flags),
    );
    return length <= 0 ? null : parseMessages(Buffer.from(this.#datagram.subarray(0, length)));
  }
}

export function renderMessage({ body, flags, sequence = 0, type }: Request): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

/** The bodies share the datagram's memory. */
export function parseMessages(datagram: Buffer): readonly NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = Math.max(HEADER_BYTES, datagram.readUInt32LE(at));
    const body = datagram.subarray(at + HEADER_BYTES, at + length);
    messages.push({ type: datagram.readUInt16LE(at + 4), body });
    at += aligned(length);
  }
  return messages;
}

/** The padding at its end is not counted in its length. */
export function renderAttribute(type: number, content: Buffer): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTE_HEADER_BYTES + aligned(content.length));
  bytes.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + content.length, 0);
  bytes.writeUInt16LE(type, 2);
  content.copy(bytes, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** An attribute that holds others. */
export function renderNested(type: number, content: Buffer): Buffer {
  return renderAttribute(type | NESTED, content);
}

/** Of `struct nlmsgerr`, where it is negative. */
function errorNumberOf({ body }: NetlinkMessage): number {
  return -body.readInt32LE(0);
}

/** Messages and attributes begin at multiples of four bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
