// The retries of a request whose connection to a tenant failed: whether, after which pause, on which connections.
import type { RequestHead } from "../http/request-head.ts";
import type { Reuse } from "../upstream/keep-alive.ts";

/** RFC 9110, 9.2.2: the methods that a proxy may repeat. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** A process with a full queue has room again within a few answers; a thousand requests may wait for that. */
const PAUSE_MS_MIN = 10;
const PAUSE_MS_MAX = 500;

/** As many as fail an instance by default: more would restart it for one request over and over. */
const RESTARTS_MAX = 3;

/** The tenant may have the request twice: it is idempotent, and no body of it has been read. */
function isRepeatable({ method, framing }: RequestHead): boolean {
  return IDEMPOTENT.has(method) && framing.kind === "none";
}

/** The kept connections that the first attempt may use. Further ones use none: the first may have been one. */
export function reuseOf(head: RequestHead): Reuse {
  return isRepeatable(head) ? "any" : "safe";
}

/** Of a request whose first attempt has failed. */
export class Retries {
  readonly #isRepeatable: boolean;
  readonly #refusedMsMax: number;
  #state: "unrepeated" | "repeated" = "unrepeated";
  #refusedSince: number | null = null;
  #pauseMs = PAUSE_MS_MIN;
  #restarts = 0;

  /** @param refusedMsMax for how long refused connections are tried again */
  constructor(head: RequestHead, refusedMsMax: number) {
    this.#isRepeatable = isRepeatable(head);
    this.#refusedMsMax = refusedMsMax;
  }

  /** Whether the request is tried again: after a refused connection, as nothing was sent; after a broken one once. */
  mayFollow(kind: "refused" | "broken", now: number): boolean {
    if (kind === "broken") {
      if (!this.#isRepeatable || this.#state === "repeated") return false;
      this.#state = "repeated";
      return true;
    }
    this.#refusedSince ??= now;
    return now - this.#refusedSince < this.#refusedMsMax;
  }

  /** The pause before the next connection to a process that refused the last one. */
  nextPauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
    return pauseMs;
  }

  /** Whether the request waits for another start of a process that has ended. */
  mayRestart(): boolean {
    this.#restarts += 1;
    this.#refusedSince = null;
    this.#pauseMs = PAUSE_MS_MIN;
    return this.#restarts <= RESTARTS_MAX;
  }
}
