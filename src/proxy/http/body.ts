// The framing of bodies, and the reader that finds where they end.
import { ChunkedParser, type Fields } from "./parser.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** Only an answer: the body ends with the connection. */
  | { readonly kind: "close" };

/** Read at a time: so much in tiny chunks already takes a millisecond. */
const CHUNKED_BYTES_MAX = 64 * 1024;

const NO_TRAILERS: Fields = [];

/** Reads the bodies that arrive on one connection, one after the other. */
export class BodyReader {
  #framing: Framing = { kind: "none" };
  #left = 0;
  #chunked: ChunkedParser | null = null;

  begin(framing: Framing): void {
    this.#framing = framing;
    this.#left = framing.kind === "length" ? framing.bytes : 0;
    if (framing.kind !== "chunked") return;
    this.#chunked ??= new ChunkedParser();
    this.#chunked.begin();
  }

  get done(): boolean {
    if (this.#framing.kind === "chunked") return this.#chunked?.done ?? true;
    return this.#framing.kind !== "close" && this.#left === 0;
  }

  /** False: the rest of the body is certainly longer. */
  mayEndWithin(bytes: number): boolean {
    return this.#framing.kind !== "length" || this.#left <= bytes;
  }

  get trailers(): Fields {
    return this.#framing.kind === "chunked"
      ? (this.#chunked?.trailers ?? NO_TRAILERS)
      : NO_TRAILERS;
  }

  /** Hands out the body's part of the bytes, or of their start, and returns how many that took. Throws ParseFailure. */
  read(bytes: Buffer, emit: (piece: Buffer) => void): number {
    if (this.done) return 0;
    if (this.#framing.kind === "chunked") {
      const piece = bytes.length > CHUNKED_BYTES_MAX ? bytes.subarray(0, CHUNKED_BYTES_MAX) : bytes;
      return this.#chunked?.feed(piece, emit) ?? 0;
    }
    if (this.#framing.kind === "close" || bytes.length <= this.#left) {
      if (this.#framing.kind === "length") this.#left -= bytes.length;
      emit(bytes);
      return bytes.length;
    }
    const consumed = this.#left;
    this.#left = 0;
    emit(bytes.subarray(0, consumed));
    return consumed;
  }
}
