// The leases that replaced servers still hold. Each server reports its own over a connection: an empty line, then a
// line of JSON for every instance whose counts have changed. The leases end with the connection.
import { createServer, type Server, type Socket } from "node:net";
import { formatRef, parseRef, type RefKey } from "../../core/ref.ts";
import { type Bound, bindInPlace } from "../../platform/unix-socket.ts";
import type { Lease } from "../gateway.ts";
import type { LeaseCounts } from "../instance/instance-handover.ts";
import type { Supervisor } from "../supervisor.ts";
import { holdLeases } from "./handover-state.ts";

/** One line: the present counts of an instance. */
export interface LeaseLine extends LeaseCounts {
  readonly ref: string;
}

/** A line has a name and two numbers. */
const LINE_CHARS_MAX = 1024;

export interface LedgerOptions {
  readonly path: string;
  readonly supervisor: Pick<Supervisor, "find">;
  /** A replaced server has reported. */
  readonly onReport: () => void;
}

export class LeaseLedger {
  readonly #options: LedgerOptions;
  readonly #socket: Bound<Server>;
  readonly #connections = new Set<Socket>();

  /** Binds the path in place of the previous server. Throws LISTEN_FAILED. */
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
    const held = new HeldLeases(this.#options.supervisor);
    this.#connections.add(socket);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (piece: string) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines.map(parseLine)) if (line !== null) held.set(line);
      this.#options.onReport();
      if (text.length > LINE_CHARS_MAX) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#connections.delete(socket);
      held.release();
    });
  }
}

/** Null: the empty first line, or a line in the format of another version. */
function parseLine(text: string): LeaseLine | null {
  try {
    const { ref, requests, tunnels } = JSON.parse(text) as Partial<LeaseLine>;
    if (ref === undefined || requests === undefined || tunnels === undefined) return null;
    return { ref: formatRef(parseRef(ref)), requests: Number(requests), tunnels: Number(tunnels) };
  } catch {
    return null;
  }
}

interface InstanceLeases {
  readonly request: Lease[];
  readonly tunnel: Lease[];
}

/** The leases of one replaced server. */
class HeldLeases {
  readonly #supervisor: LedgerOptions["supervisor"];
  readonly #leases = new Map<RefKey, InstanceLeases>();

  constructor(supervisor: LedgerOptions["supervisor"]) {
    this.#supervisor = supervisor;
  }

  /** Takes and releases only the difference: an instance that drains gives no new lease, and waits for these. */
  set({ ref: name, requests, tunnels }: LeaseLine): void {
    const ref = parseRef(name);
    const actor = this.#supervisor.find(ref);
    const { request, tunnel } = this.#leasesOf(formatRef(ref));
    // Before any is released: the instance must not look idle meanwhile.
    request.push(...holdLeases(actor, "request", requests - request.length));
    tunnel.push(...holdLeases(actor, "tunnel", tunnels - tunnel.length));
    for (const lease of [...request.splice(requests), ...tunnel.splice(tunnels)]) lease.release();
  }

  release(): void {
    for (const { request, tunnel } of this.#leases.values()) {
      for (const lease of [...request, ...tunnel]) lease.release();
    }
    this.#leases.clear();
  }

  #leasesOf(key: RefKey): InstanceLeases {
    const leases = this.#leases.get(key) ?? { request: [], tunnel: [] };
    this.#leases.set(key, leases);
    return leases;
  }
}
