// The firewall between tenants, in the kernel: a table of nftables of this server's own, kept in step with its
// launches.
import { realpathSync } from "node:fs";
import type { Gap } from "../../core/failure.ts";
import type { Clock } from "../../platform/clock.ts";
import { SYSTEM_PATH } from "../../platform/host.ts";
import { isRoot } from "../../platform/owner.ts";
import { CHANGES_MAX, NetfilterSocket, type SetChange } from "./nftables.ts";
import { type Claim, type Element, elementsOf, renderTable } from "./rules.ts";

export interface Firewall {
  /** Whose a port is, before anything listens there. Throws nothing: what can't be had is told as `gap`. */
  claim(claim: Claim): void;
  release(port: number): void;
  /** Why it does not stand; null: it does. */
  readonly gap: Gap | null;
}

const NO_NETLINK: Gap = {
  reason: "the kernel's netfilter can't be reached",
  remedy: "Run ten on a kernel with nf_tables",
};

/** Another program that reloads its own rules may flush all of them: for so long at most ours are gone. */
const CHECK_INTERVAL_MS = 5000;
/** What keeps the table from being made is seldom mended, and each attempt takes some milliseconds. */
const RETRY_INTERVAL_MS = 60_000;

/** The name of the table for a data directory, which needs to exist. */
export function tableName(dataDir: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(realpathSync(dataDir)).digest("hex");
  return `tenement_${digest.slice(0, 12)}`;
}

/** Applies a script; null, or why it can't. With `check` nothing changes. */
export function runNft(script: string, { check = false } = {}): Gap | null {
  const nft = Bun.which("nft", { PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_PATH}` });
  if (nft === null) {
    return { reason: "nft is not installed", remedy: "apt-get install nftables" };
  }
  const { exitCode, stderr } = Bun.spawnSync([nft, ...(check ? ["--check"] : []), "--file", "-"], {
    stdin: Buffer.from(script),
    stdout: "ignore",
  });
  if (exitCode === 0) return null;
  const [said = ""] = stderr.toString().trim().split("\n");
  return {
    reason: `nft refuses: ${said.replace(/^.*?Error: /, "")}`,
    remedy: "Run ten with CAP_NET_ADMIN, on a kernel with nf_tables",
  };
}

/** Takes away what a server that was killed left, once its instances are gone. */
export function removeFirewall(dataDir: string): void {
  if (process.platform === "linux" && isRoot()) runNft(`delete table inet ${tableName(dataDir)}`);
}

/** Where the server is no root, whose instances all have one user. */
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
  /** Ports of an earlier server's launches that have not been taken over yet. */
  readonly #inherited: Set<number>;
  #socket: NetfilterSocket | null;
  #gap: Gap | null = null;
  #cancelCheck: () => void = () => undefined;

  private constructor(parts: FirewallParts) {
    this.#parts = parts;
    this.#table = tableName(parts.dataDir);
    for (const claim of parts.inherited) this.#claims.set(claim.port, claim);
    this.#inherited = new Set(this.#claims.keys());
    this.#socket = NetfilterSocket.open();
    if (this.#socket === null) this.#gap = NO_NETLINK;
    else this.#build();
    this.#scheduleCheck();
  }

  /** With what an earlier server's launches claimed, so that no moment passes without it. */
  static open(parts: FirewallParts): NftFirewall {
    return new NftFirewall(parts);
  }

  get gap(): Gap | null {
    return this.#gap;
  }

  claim(claim: Claim): void {
    const former = this.#claims.get(claim.port);
    this.#inherited.delete(claim.port);
    if (former !== undefined && Bun.deepEquals(former, claim)) return;
    this.release(claim.port);
    this.#claims.set(claim.port, claim);
    this.#commit("add", elementsOf(claim));
  }

  release(port: number): void {
    const claim = this.#claims.get(port);
    if (claim === undefined) return;
    this.#claims.delete(port);
    this.#inherited.delete(port);
    const kept = new Set([...this.#claims.values()].flatMap(elementsOf).map(keyOf));
    this.#commit(
      "delete",
      elementsOf(claim).filter((element) => !kept.has(keyOf(element))),
    );
  }

  /** Gives up what an earlier server's launches claimed, except for those that were taken over. */
  dropAdopted(): void {
    for (const port of this.#inherited) this.release(port);
  }

  /** Leaves the table to the server that follows; what is claimed or released from now on is that one's. */
  abandon(): void {
    this.#cancelCheck();
    this.#socket?.close();
    this.#socket = null;
  }

  /** Takes the table away; only for the end of all instances. */
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

  /** All of it anew, from what is claimed. */
  #build(): void {
    const claims = [...this.#claims.values()];
    const table = { name: this.#table, comment: this.#parts.dataDir, claims };
    this.#gap = runNft(renderTable(table));
  }

  /** What is there already may be added again, which fails where the table is gone. */
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
  readonly inherited: readonly Claim[];
}

/** The strongest one that this server can have. */
export function openFirewall(parts: FirewallParts): NftFirewall | null {
  return process.platform === "linux" && isRoot() ? NftFirewall.open(parts) : null;
}

function keyOf({ set, port, user }: Element): string {
  return `${set} ${port} ${user}`;
}

/** A port in network order, then a user in the host's, each padded to four bytes. */
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
