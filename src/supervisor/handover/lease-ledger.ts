// The leases that earlier servers still hold. Each tells of its own over a connection, an empty line, then one of JSON
// for every
// instance whose count has changed. They end with that connection: so a socket through an earlier server keeps its
// instance awake.
import { createServer, type Server, type Socket } from "node:net";
import { formatRef, parseRef, type RefKey } from "../../core/ref.ts";
import { type Bound, bindInPlace } from "../../platform/unix-socket.ts";
import type { Lease } from "../gateway.ts";
import type { LeaseCounts } from "../instance/instance-handover.ts";
import type { Supervisor } from "../supervisor.ts";
import { holdLeases } from "./handover-state.ts";

/** One line: the counts that now hold for an instance. */
export interface LeaseLine extends LeaseCounts {
  readonly ref: string;
}

/** A line has a name and two numbers. */
const LINE_CHARS_MAX = 1024;

export interface LedgerOptions {
  readonly path: string;
  readonly supervisor: Pick<Supervisor, "find">;
  /** An earlier server has begun to tell. */
  readonly onTold: () => void;
}

export class LeaseLedger {
  readonly #options: LedgerOptions;
  readonly #socket: Bound<Server>;
  readonly #connections = new Set<Socket>();

  /** Takes the path from an earlier server. Throws LISTEN_FAILED. */
  constructor(options: LedgerOptions) {
    this.#options = options;
    const server = createServer((socket) => this.#accept(socket));
    this.#socket = bindInPlace(options.path, (aside) => server.listen(aside));
  }

  [Symbol.dispose](): void {
    this.#socket.listener.close();
    this.#socket.leave();
    for (const socket of this.#connections) socket.destroy();
  }

  #accept(socket: Socket): void {
    const holdings = new Holdings(this.#options.supervisor);
    this.#connections.add(socket);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (piece: string) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      const told = lines.map(parseLine).filter((line) => line !== null);
      for (const line of told) holdings.set(line);
      this.#options.onTold();
      if (text.length > LINE_CHARS_MAX) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#connections.delete(socket);
      holdings.release();
    });
  }
}

/** Null: the empty line that each begins with, or what another version means. */
function parseLine(text: string): LeaseLine | null {
  try {
    const { ref, requests, tunnels } = JSON.parse(text) as Partial<LeaseLine>;
    if (ref === undefined || requests === undefined || tunnels === undefined) return null;
    return { ref: formatRef(parseRef(ref)), requests: Number(requests), tunnels: Number(tunnels) };
  } catch {
    return null;
  }
}

interface Held {
  readonly request: Lease[];
  readonly tunnel: Lease[];
}

/** What one earlier server holds. */
class Holdings {
  readonly #supervisor: LedgerOptions["supervisor"];
  readonly #held = new Map<RefKey, Held>();

  constructor(supervisor: LedgerOptions["supervisor"]) {
    this.#supervisor = supervisor;
  }

  /** Leases that stay are kept: an instance that is ending gives no new ones, and waits for these. */
  set({ ref: name, requests, tunnels }: LeaseLine): void {
    const ref = parseRef(name);
    const actor = this.#supervisor.find(ref);
    const { request, tunnel } = this.#heldOf(formatRef(ref));
    // Before any is released: between them the instance must not look idle.
    request.push(...holdLeases(actor, "request", requests - request.length));
    tunnel.push(...holdLeases(actor, "tunnel", tunnels - tunnel.length));
    for (const lease of [...request.splice(requests), ...tunnel.splice(tunnels)]) lease.release();
  }

  release(): void {
    for (const { request, tunnel } of this.#held.values()) {
      for (const lease of [...request, ...tunnel]) lease.release();
    }
    this.#held.clear();
  }

  #heldOf(key: RefKey): Held {
    const held = this.#held.get(key) ?? { request: [], tunnel: [] };
    this.#held.set(key, held);
    return held;
  }
}
