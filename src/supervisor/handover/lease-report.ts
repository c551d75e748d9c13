// What a server that another one follows tells of the leases it still has, to whichever server owns the data directory.
import { createConnection, type Socket } from "node:net";
import { formatRef, type RefKey } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { leaseCountsOf } from "./handover-state.ts";
import type { LeaseLine } from "./lease-ledger.ts";

/** Where no server is, one may come, and its instances must not look idle for long. */
const RETRY_MS = 50;

/** Many small exchanges end at once, and only what is left of them matters. */
const GATHER_MS = 10;

export class LeaseReport {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #actors: readonly InstanceActor[];
  /** What has been told on this connection, as it was written. */
  readonly #told = new Map<RefKey, string>();
  #connection: Socket | null = null;
  #cancel: (() => void) | null = null;

  constructor({
    path,
    clock,
    actors,
  }: {
    path: string;
    clock: Clock;
    actors: Iterable<InstanceActor>;
  }) {
    this.#path = path;
    this.#clock = clock;
    this.#actors = [...actors];
  }

  /** Tells of everything, and from then on of every change. */
  begin(): void {
    const connection = createConnection(this.#path);
    this.#connection = connection;
    this.#told.clear();
    connection.on("connect", () => {
      connection.write("\n");
      this.#tell();
    });
    connection.on("error", () => undefined);
    connection.on("close", () => {
      if (this.#connection !== connection) return;
      this.#connection = null;
      this.#cancel?.();
      this.#cancel = this.#clock.after(RETRY_MS, () => this.begin());
    });
  }

  /** A lease has ended, or become a tunnel. */
  changed(): void {
    if (this.#connection === null) return;
    this.#cancel ??= this.#clock.after(GATHER_MS, () => this.#tell());
  }

  /** Ends what is left at the other server. */
  [Symbol.dispose](): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#cancel?.();
    connection?.destroy();
  }

  #tell(): void {
    this.#cancel = null;
    for (const actor of this.#actors) {
      const ref = formatRef(actor.ref);
      const counts = leaseCountsOf(actor);
      const line: LeaseLine = { ref, ...counts };
      const text = `${JSON.stringify(line)}\n`;
      const isNothing = counts.requests + counts.tunnels === 0;
      if (this.#told.get(ref) === text || (isNothing && !this.#told.has(ref))) continue;
      this.#told.set(ref, text);
      this.#connection?.write(text);
    }
  }
}
