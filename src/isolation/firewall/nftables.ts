// Changes to sets of nftables, sent to the kernel from within this process (linux/netfilter/nf_tables.h).
// That takes some hundredths of a millisecond, where running nft would add several milliseconds to every start.
import {
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_CREATE,
  renderAttribute,
  renderMessage,
  renderNested,
} from "../../platform/kernel/netlink.ts";

/** An element to add to a set or to delete from it; the key as the kernel has it, its parts padded to four bytes. */
export interface SetChange {
  readonly verb: "add" | "delete";
  readonly set: string;
  readonly key: Buffer;
}

const NETLINK_NETFILTER = 12;
const NFPROTO_INET = 1;
const SUBSYSTEM_NFTABLES = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const SET_ELEMENT = {
  add: { type: (SUBSYSTEM_NFTABLES << 8) | 12, flags: NLM_F_CREATE },
  delete: { type: (SUBSYSTEM_NFTABLES << 8) | 14, flags: 0 },
} as const;
const ATTRIBUTE = { table: 1, set: 2, elements: 3, item: 1, key: 1, value: 1 } as const;

/** Each takes about 100 bytes, and a socket sends at most 208 KiB at once. */
export const CHANGES_MAX = 500;

export class NetfilterSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  #sequence = 1;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Null where the kernel has no netfilter. */
  static open(): NetfilterSocket | null {
    const socket = NetlinkSocket.open(NETLINK_NETFILTER);
    return socket === null ? null : new NetfilterSocket(socket);
  }

  /**
   * Makes all changes to a table of family `inet`, or none: then "failed", also when the kernel has no room for its
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
    const errors = this.#socket.commit(batch);
    return errors.length === 1 && errors[0] === 0 ? "done" : "failed";
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** Only the last change asks for an acknowledgement, so that the socket has room for every answer. */
  #change(table: string, { verb, set, key }: SetChange, { isLast }: { isLast: boolean }): Buffer {
    const { type, flags } = SET_ELEMENT[verb];
    const value = renderNested(ATTRIBUTE.key, renderAttribute(ATTRIBUTE.value, key));
    const attributes = Buffer.concat([
      renderAttribute(ATTRIBUTE.table, text(table)),
      renderAttribute(ATTRIBUTE.set, text(set)),
      renderNested(ATTRIBUTE.elements, renderNested(ATTRIBUTE.item, value)),
    ]);
    const wanted = isLast ? flags | NLM_F_ACK : flags;
    return this.#message(type, { flags: wanted, family: NFPROTO_INET, attributes });
  }

  /** `struct nfgenmsg`, then attributes. */
  #message(
    type: number,
    { flags = 0, family = 0, resource = 0, attributes = Buffer.alloc(0) },
  ): Buffer {
    const head = Buffer.alloc(4);
    head[0] = family;
    head.writeUInt16BE(resource, 2);
    const body = Buffer.concat([head, attributes]);
    return renderMessage({ type, flags, sequence: this.#sequence++, body });
  }
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
