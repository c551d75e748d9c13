// A request's body on its way to the tenant: how much of it has gone, and when it last moved.
import type { Framing } from "../http/body.ts";
import { writeChunk, writeLastChunk } from "../http/chunked.ts";
import type { Fields } from "../http/parser.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** As in nginx: long enough for a bad network, short enough to free a tenant from a dead client. */
const STALL_MS_MAX = 60_000;

export class RequestBody {
  readonly #framing: Framing;
  #bytes = 0;
  #done: boolean;
  #movedAt: number;

  constructor(framing: Framing, now: number) {
    this.#framing = framing;
    this.#done = framing.kind === "none";
    this.#movedAt = now;
  }

  /** All of it has been read from the client. */
  get done(): boolean {
    return this.#done;
  }

  /** None of it has been read: the request can be sent again as it is. */
  get untouched(): boolean {
    return this.#bytes === 0;
  }

  moved(now: number): void {
    this.#movedAt = now;
  }

  /** True: the client, or a tenant that holds it back, has not moved it for too long. */
  stalls(now: number): boolean {
    return !this.#done && now - this.#movedAt >= STALL_MS_MAX;
  }

  /** True: the tenant has had all that there was of the request for longer than the limit; 0 is no limit. */
  isOverdue(now: number, limitMs: number): boolean {
    return limitMs > 0 && now - this.#movedAt >= limitMs;
  }

  forward(piece: Buffer, upstream: Upstream): void {
    this.#bytes += piece.length;
    if (this.#framing.kind === "chunked") writeChunk(upstream, piece);
    else upstream.bytes(piece);
  }

  end(trailers: Fields, upstream: Upstream | null): void {
    this.#done = true;
    if (this.#framing.kind === "chunked" && upstream !== null) writeLastChunk(upstream, trailers);
  }
}
