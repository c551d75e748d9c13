// The firewall around tenants: a table of nftables for this server, kept in step with its launches.
import type { Gap } from "../../core/failure.ts";
import type { Clock } from "../../platform/clock.ts";
import { isRoot } from "../../platform/owner.ts";
import { deleteOrphanedTables, ownerComment, tableName } from "./firewall-tables.ts";
import { runNft } from "./nft.ts";
import { CHANGES_MAX, NetfilterSocket, type SetChange } from "./nftables.ts";
import { type Claim, type Element, elementsOf, renderTable } from "./rules.ts";

export interface Firewall {
  /** Claims a port before anything listens there. Never throws: a failure becomes the `gap`. */
  claim(claim: Claim): void;
  release(port: number): void;
  /** Why the firewall does not work; null: it does. */
  readonly gap: Gap | null;
}

const NO_NETLINK: Gap = {
  reason: "the kernel's netfilter can't be reached",
  remedy: "Run ten on a kernel with nf_tables",
};

/** Another program that reloads its rules may flush all tables: ours is missing for at most this long. */
const CHECK_INTERVAL_MS = 5000;
/** The cause of a failure seldom goes away, and each attempt takes some milliseconds. */
const RETRY_INTERVAL_MS = 60_000;

/** Removes the table of a killed server, once its instances have ended. */
export function removeFirewall(dataDir: string): void {
  if (process.platform === "linux" && isRoot()) runNft(`delete table inet ${tableName(dataDir)}`);
}

/** For a server that is not root, whose instances all have one user. */
export const NO_FIREWALL: Firewall = {
  claim: () => undefined,
  release: () => undefined,
  gap: {
    reason: "it needs a user for each instance, so a server that is root",
    remedy: 'Run ten as root, or set network = "private"',
  },
};

export class NftFirewall implements Firewall, Disposable {
  readonly #parts: FirewallParts;
  readonly #table: string;
  readonly #claims = new Map<number, Claim>();
  /** Ports of an earlier server's launches that have not been adopted yet. */
  readonly #unadopted: Set<number>;
  #socket: NetfilterSocket | null;
  #gap: Gap | null = null;
  #cancelCheck: () => void = () => undefined;

  private constructor(parts: FirewallParts) {
    this.#parts = parts;
    this.#table = tableName(parts.dataDir);
    for (const claim of parts.recorded) this.#claims.set(claim.port, claim);
    this.#unadopted = new Set(this.#claims.keys());
    deleteOrphanedTables();
    this.#socket = NetfilterSocket.open();
    if (this.#socket === null) this.#gap = NO_NETLINK;
    else this.#build();
    this.#scheduleCheck();
  }

  /** Opens with the claims of an earlier server's launches, so that they are protected without a gap. */
  static open(parts: FirewallParts): NftFirewall {
    return new NftFirewall(parts);
  }

  get gap(): Gap | null {
    return this.#gap;
  }

  claim(claim: Claim): void {
    const former = this.#claims.get(claim.port);
    this.#unadopted.delete(claim.port);
    if (former !== undefined && Bun.deepEquals(former, claim)) return;
    this.release(claim.port);
    this.#claims.set(claim.port, claim);
    this.#commit("add", elementsOf(claim));
  }

  release(port: number): void {
    const claim = this.#claims.get(port);
    if (claim === undefined) return;
    this.#claims.delete(port);
    this.#unadopted.delete(port);
    const kept = new Set([...this.#claims.values()].flatMap(elementsOf).map(keyOf));
    this.#commit(
      "delete",
      elementsOf(claim).filter((element) => !kept.has(keyOf(element))),
    );
  }

  /** Releases the claims of an earlier server's launches that were not adopted. */
  dropUnadopted(): void {
    for (const port of this.#unadopted) this.release(port);
  }

  /** Leaves the table to the next server, which claims and releases from now on. */
  abandon(): void {
    this.#cancelCheck();
    this.#socket?.[Symbol.dispose]();
    this.#socket = null;
  }

  /** Removes the table; only after all instances have ended. */
  [Symbol.dispose](): void {
    this.abandon();
    if (this.#gap === null) removeFirewall(this.#parts.dataDir);
  }

  #commit(verb: SetChange["verb"], elements: readonly Element[]): void {
    if (this.#gap !== null || this.#socket === null) return;
    const changes = elements.map((element) => ({ verb, set: element.set, key: encode(element) }));
    for (let at = 0; at < changes.length; at += CHANGES_MAX) {
      if (this.#socket.commit(this.#table, changes.slice(at, at + CHANGES_MAX)) === "done")
        continue;
      this.#build();
      return;
    }
  }

  /** Makes the whole table anew from the claims. */
  #build(): void {
    const claims = [...this.#claims.values()];
    const table = { name: this.#table, comment: ownerComment(this.#parts.dataDir), claims };
    this.#gap = runNft(renderTable(table));
  }

  /** Adds all elements again: no change where they exist, and an error where the table is missing. */
  #scheduleCheck(): void {
    const delayMs = this.#gap === null ? CHECK_INTERVAL_MS : RETRY_INTERVAL_MS;
    this.#cancelCheck = this.#parts.clock.after(delayMs, () => {
      if (this.#gap !== null && this.#socket !== null) this.#build();
      else this.#commit("add", [...this.#claims.values()].flatMap(elementsOf));
      this.#scheduleCheck();
    });
  }
}

export interface FirewallParts {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Of an earlier server's launches. */
  readonly recorded: readonly Claim[];
}

/** Opens the firewall; null where this server can't have one. */
export function openFirewall(parts: FirewallParts): NftFirewall | null {
  return process.platform === "linux" && isRoot() ? NftFirewall.open(parts) : null;
}

function keyOf({ set, port, user }: Element): string {
  return `${set} ${port} ${user}`;
}

/** A port in network byte order, then a user in the host's, each padded to four bytes. */
function encode({ port, user }: Element): Buffer {
  const parts: Buffer[] = [];
  if (port !== null) {
    const bytes = Buffer.alloc(user === null ? 2 : 4);
    bytes.writeUInt16BE(port);
    parts.push(bytes);
  }
  if (user !== null) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(user);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
