// Changes sets of nftables from within this process, by the kernel's netlink protocol (linux/netfilter/nf_tables.h).
// That takes some hundredths of a millisecond, where a program that does it costs several milliseconds of every start.
import { dlopen, ptr } from "bun:ffi";
import { libcPath } from "../../platform/kernel/libc.ts";

/** An element to add to a set or to take out of it; the key as the kernel has it, its parts padded to four bytes. */
export interface SetChange {
  readonly verb: "add" | "delete";
  readonly set: string;
  readonly key: Buffer;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const MSG_DONTWAIT = 0x40;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NFPROTO_INET = 1;
const SUBSYSTEM_NFTABLES = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const SET_ELEMENT = {
  add: { type: (SUBSYSTEM_NFTABLES << 8) | 12, flags: NLM_F_CREATE },
  delete: { type: (SUBSYSTEM_NFTABLES << 8) | 14, flags: 0 },
} as const;
const ATTRIBUTE = { table: 1, set: 2, elements: 3, item: 1, key: 1, value: 1 } as const;
const NESTED = 0x8000;
const HEADER_BYTES = 16;
const ERRNO_AT = HEADER_BYTES;
/** Room for the answers to one batch; what does not fit is read next. */
const ANSWER_BYTES = 64 * 1024;
/** The first that fails may tell of answers that were lost (ENOBUFS); what came before is still there. */
const READ_ATTEMPTS = 2;

/** So that one batch stays far below what a socket sends at once, 208 KiB: each takes about 100 bytes. */
export const CHANGES_MAX = 500;

export class NetfilterSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #answer = Buffer.alloc(ANSWER_BYTES);
  #sequence = 1;

  private constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
  }

  /** Null where the system has no such thing. */
  static open(): NetfilterSocket | null {
    const libc = openLibc();
    const fd = libc?.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) ?? -1;
    return libc === null || fd < 0 ? null : new NetfilterSocket(libc, fd);
  }

  /**
   * Makes all changes of a table of family `inet`, or none: then "failed", also when the kernel has no room for its
   * answers.
   * @param changes up to CHANGES_MAX
   */
  commit(table: string, changes: readonly SetChange[]): "done" | "failed" {
    if (changes.length === 0) return "done";
    const last = changes.length - 1;
    const batch = Buffer.concat([
      this.#message(BATCH_BEGIN, { resource: SUBSYSTEM_NFTABLES }),
      ...changes.map((change, index) => this.#change(table, change, { isLast: index === last })),
      this.#message(BATCH_END, { resource: SUBSYSTEM_NFTABLES }),
    ]);
    this.#libc.send(this.#fd, ptr(batch), batch.length, 0);
    // The kernel works while it takes the batch, so all answers are there now.
    const answers = this.#readAnswers();
    return answers.length === 1 && answers[0] === 0 ? "done" : "failed";
  }

  close(): void {
    this.#libc.close(this.#fd);
  }

  /** The kernel answers what fails, and the last: that many answers have room. */
  #change(table: string, { verb, set, key }: SetChange, { isLast }: { isLast: boolean }): Buffer {
    const { type, flags } = SET_ELEMENT[verb];
    const value = nested(ATTRIBUTE.key, attribute(ATTRIBUTE.value, key));
    const body = Buffer.concat([
      attribute(ATTRIBUTE.table, text(table)),
      attribute(ATTRIBUTE.set, text(set)),
      nested(ATTRIBUTE.elements, nested(ATTRIBUTE.item, value)),
    ]);
    const wanted = isLast ? flags | NLM_F_ACK : flags;
    return this.#message(type, { flags: wanted, family: NFPROTO_INET, body });
  }

  /** `struct nlmsghdr`, `struct nfgenmsg`, attributes. */
  #message(type: number, { flags = 0, family = 0, resource = 0, body = Buffer.alloc(0) }): Buffer {
    const head = Buffer.alloc(HEADER_BYTES + 4);
    head.writeUInt32LE(head.length + body.length, 0);
    head.writeUInt16LE(type, 4);
    head.writeUInt16LE(flags | NLM_F_REQUEST, 6);
    head.writeUInt32LE(this.#sequence++, 8);
    head[HEADER_BYTES] = family;
    head.writeUInt16BE(resource, HEADER_BYTES + 2);
    return Buffer.concat([head, body]);
  }

  /**
   * The error numbers of the answers, 0 for success. A read that tells only of lost answers is none, and the next goes
   * on.
   */
  #readAnswers(): readonly number[] {
    const errors: number[] = [];
    for (let failed = 0; failed < READ_ATTEMPTS;) {
      const count = Number(
        this.#libc.recv(this.#fd, ptr(this.#answer), ANSWER_BYTES, MSG_DONTWAIT),
      );
      if (count > 0) errors.push(...errorsIn(this.#answer.subarray(0, count)));
      else failed++;
    }
    return errors;
  }
}

function errorsIn(answers: Buffer): readonly number[] {
  const errors: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= answers.length;) {
    if (answers.readUInt16LE(at + 4) === NLMSG_ERROR)
      errors.push(-answers.readInt32LE(at + ERRNO_AT));
    at += aligned(answers.readUInt32LE(at));
  }
  return errors;
}

/** `struct nlattr`: its length, its type, its content, and padding that its length does not count. */
function attribute(type: number, content: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + aligned(content.length));
  bytes.writeUInt16LE(4 + content.length, 0);
  bytes.writeUInt16LE(type, 2);
  content.copy(bytes, 4);
  return bytes;
}

function nested(type: number, content: Buffer): Buffer {
  return attribute(type | NESTED, content);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

type Libc = NonNullable<ReturnType<typeof openLibc>>;

function openLibc() {
  const path = process.platform === "linux" ? libcPath() : null;
  if (path === null) return null;
  return dlopen(path, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  }).symbols;
}
