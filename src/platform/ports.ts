// Hands out TCP ports that nothing listens on, and takes them back.
import { TenError } from "../core/errors.ts";

export const PORT_FIRST = 30_000;
export const PORT_LAST = 40_000;

export class Ports {
  readonly #taken = new Set<number>();
  readonly #isFree: (port: number) => boolean;
  #next: number;

  /** @param start where in the range to begin: two servers of one host had better not ask for the same ports */
  constructor(start: number, isFree: (port: number) => boolean = nobodyListens) {
    this.#next = start;
    this.#isFree = isFree;
  }

  static startingAnywhere(): Ports {
    return new Ports(PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST)));
  }

  /** Goes round the range, so that a port just given back rests. Throws PORTS_EXHAUSTED. */
  take(): number {
    for (let tried = PORT_FIRST; tried <= PORT_LAST; tried++) {
      const port = this.#next;
      this.#next = port === PORT_LAST ? PORT_FIRST : port + 1;
      if (this.#taken.has(port) || !this.#isFree(port)) continue;
      this.#taken.add(port);
      return port;
    }
    throw new TenError(
      "PORTS_EXHAUSTED",
      `Cannot find a port: ${PORT_FIRST} to ${PORT_LAST} are all in use`,
      {
        hint: "Let instances sleep with idle_timeout, or set max_running",
      },
    );
  }

  /** Marks the port of a process that was taken over. */
  reserve(port: number): void {
    this.#taken.add(port);
  }

  give(port: number): void {
    this.#taken.delete(port);
  }
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
