// Allocates TCP ports that nothing listens on, and takes them back.
import { FailureError } from "../../core/failure.ts";
import { codeOf, readText } from "../files.ts";

export const PORT_FIRST = 30_000;
export const PORT_LAST = 40_000;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface PortsOptions {
  readonly isFree?: (port: number) => boolean;
  /** The system takes ports for outgoing connections from this range, so they are allocated last. */
  readonly outgoing?: PortRange | null;
}

export class Ports {
  readonly #taken = new Set<number>();
  readonly #isFree: (port: number) => boolean;
  readonly #rings: readonly Ring[];

  /** @param start the first port to try: with the same one, two servers of a host would try the same ports */
  constructor(start: number, { isFree = isUnbound, outgoing = null }: PortsOptions = {}) {
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

  /** All of them, or none. Throws PORTS_EXHAUSTED. */
  takeMany(count: number): readonly number[] {
    const taken: number[] = [];
    try {
      while (taken.length < count) taken.push(this.take());
      return taken;
    } catch (error) {
      this.give(...taken);
      throw error;
    }
  }

  /** Marks the ports of an adopted process as taken. */
  reserve(...ports: readonly number[]): void {
    for (const port of ports) this.#taken.add(port);
  }

  give(...ports: readonly number[]): void {
    for (const port of ports) this.#taken.delete(port);
  }
}

/** Ports in a circle, so that a port is not reused soon after it was given back. */
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

/** Null where the system does not tell: ip_local_port_range in ip(7). */
function readOutgoingRange(): PortRange | null {
  const text = readText("/proc/sys/net/ipv4/ip_local_port_range");
  if (text === null) return null;
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  return { first, last };
}

const IGNORE_DATA: Bun.SocketHandler = { data: () => undefined };

/** Binding a wildcard address fails while a process listens on the port, at any address. */
function isUnbound(port: number): boolean {
  return canListen("::", port) && canListen("0.0.0.0", port);
}

function canListen(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, socket: IGNORE_DATA }).stop(true);
    return true;
  } catch (error) {
    // On a host without IPv6 binding fails for another reason, and the port is free.
    return codeOf(error) !== "EADDRINUSE";
  }
}
