// Reports the leases that a replaced server still holds to the server that now owns the data directory.
import { createConnection, type Socket } from "node:net";
import { formatRef, type RefKey } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import type { InstanceActor } from "../instance/actor.ts";
import type { LeaseLine } from "./lease-ledger.ts";

/** The server there may be replaced too, or crash: the instances of the next one must not look idle for long. */
const RETRY_MS = 50;

/** Many small exchanges end at once, and only the final counts matter. */
const GATHER_MS = 10;

export class LeaseReport {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #actors: readonly InstanceActor[];
  /** The latest line of each instance on this connection. */
  readonly #sent = new Map<RefKey, string>();
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

  /** Reports all open leases, and every change from then on. */
  begin(): void {
    const connection = createConnection(this.#path);
    this.#connection = connection;
    this.#sent.clear();
    connection.on("connect", () => {
      connection.write("\n");
      this.#send();
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
    this.#cancel ??= this.#clock.after(GATHER_MS, () => this.#send());
  }

  /** Ends the leases that the other server holds for this one. */
  [Symbol.dispose](): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#cancel?.();
    connection?.destroy();
  }

  #send(): void {
    this.#cancel = null;
    for (const actor of this.#actors) {
      const ref = formatRef(actor.ref);
      const line: LeaseLine = { ref, ...actor.leaseCounts };
      const text = `${JSON.stringify(line)}\n`;
      const isIdle = line.requests + line.tunnels === 0;
      if (this.#sent.get(ref) === text || (isIdle && !this.#sent.has(ref))) continue;
      this.#sent.set(ref, text);
      this.#connection?.write(text);
    }
  }
}
