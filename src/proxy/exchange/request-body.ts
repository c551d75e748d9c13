// A request's body on its way to the tenant.
import type { Framing } from "../http/body.ts";
import { writeChunk, writeLastChunk } from "../http/chunked.ts";
import type { Fields } from "../http/parser.ts";
import type { Upstream } from "../upstream/upstream.ts";

export class RequestBody {
  readonly #framing: Framing;
  #done: boolean;

  constructor(framing: Framing) {
    this.#framing = framing;
    this.#done = framing.kind === "none";
  }

  /** All of it has been read from the client. */
  get done(): boolean {
    return this.#done;
  }

  forward(piece: Buffer, upstream: Upstream): void {
    if (this.#framing.kind === "chunked") writeChunk(upstream, piece);
    else upstream.bytes(piece);
  }

  end(trailers: Fields, upstream: Upstream): void {
    this.#done = true;
    if (this.#framing.kind === "chunked") writeLastChunk(upstream, trailers);
  }
}
