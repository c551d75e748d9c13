// Hands out TCP ports that nothing listens on, and takes them back.
import { existsSync, readFileSync } from "node:fs";
import { FailureError } from "../../core/failure.ts";

export const PORT_FIRST = 30_000;
export const PORT_LAST = 40_000;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface PortsOptions {
  readonly isFree?: (port: number) => boolean;
  /** Of these the system takes ports for outgoing connections, at any moment: they are handed out last. */
  readonly outgoing?: PortRange | null;
}

export class Ports {
  readonly #taken = new Set<number>();
  readonly #isFree: (port: number) => boolean;
  readonly #rings: readonly Ring[];

  /** @param start where in the range to begin: two servers of one host had better not ask for the same ports */
  constructor(start: number, { isFree = nobodyListens, outgoing = null }: PortsOptions = {}) {
    this.#isFree = isFree;
    const all = Array.from({ length: PORT_LAST - PORT_FIRST + 1 }, (_, at) => PORT_FIRST + at);
    const isShared = (port: number) =>
      outgoing !== null && port >= outgoing.first && port <= outgoing.last;
    this.#rings = [all.filter((port) => !isShared(port)), all.filter(isShared)].map(
      (ports) => new Ring(ports, start - PORT_FIRST),
    );
  }

  static startingAnywhere(): Ports {
    const start = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST));
    return new Ports(start, { outgoing: readOutgoingRange() });
  }

  /** Throws PORTS_EXHAUSTED. */
  take(): number {
    for (const ring of this.#rings) {
      const port = ring.find((each) => !this.#taken.has(each) && this.#isFree(each));
      if (port === null) continue;
      this.#taken.add(port);
      return port;
    }
    throw new FailureError({
      code: "PORTS_EXHAUSTED",
      reason: `the ports ${PORT_FIRST} to ${PORT_LAST} are all in use`,
      hint: "Let instances sleep with idle_timeout, or set max_running",
    });
  }

  /** Marks the port of a process that was taken over. */
  reserve(port: number): void {
    this.#taken.add(port);
  }

  give(port: number): void {
    this.#taken.delete(port);
  }
}

/** Ports in a circle, so that one just given back rests. */
class Ring {
  readonly #ports: readonly number[];
  #next: number;

  constructor(ports: readonly number[], offset: number) {
    this.#ports = ports;
    this.#next = ports.length === 0 ? 0 : offset % ports.length;
  }

  find(suits: (port: number) => boolean): number | null {
    for (const _ of this.#ports) {
      const port = this.#ports[this.#next] ?? 0;
      this.#next = (this.#next + 1) % this.#ports.length;
      if (suits(port)) return port;
    }
    return null;
  }
}

/** Null: the system does not say (ip(7), ip_local_port_range). */
function readOutgoingRange(): PortRange | null {
  const file = "/proc/sys/net/ipv4/ip_local_port_range";
  if (!existsSync(file)) return null;
  const [first = 0, last = 0] = readFileSync(file, "utf8").trim().split(/\s+/).map(Number);
  return { first, last };
}

const IGNORE_DATA: Bun.SocketHandler = { data: () => undefined };

/** Binding the wildcard addresses fails if anyone listens on any address. */
function nobodyListens(port: number): boolean {
  return canListen("::", port) && canListen("0.0.0.0", port);
}

function canListen(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, socket: IGNORE_DATA }).stop(true);
    return true;
  } catch (error) {
    // A host without IPv6 can't be in the way of anybody.
    return (error as NodeJS.ErrnoException).code !== "EADDRINUSE";
  }
}
