// Gathers the output of one event, so that a head and a small body leave in one system call.

/** Larger pieces are written as they are: copying them would cost more than the saved call. */
const SMALL_BYTES = 4096;

export class Outbox {
  #text = "";
  readonly #write: (data: string | Buffer) => void;

  /** @param write takes strings as latin-1 */
  constructor(write: (data: string | Buffer) => void) {
    this.#write = write;
  }

  text(latin1: string): void {
    this.#text += latin1;
  }

  bytes(piece: Buffer): void {
    if (piece.length > SMALL_BYTES) {
      this.flush();
      this.#write(piece);
      return;
    }
    if (this.#text.length > SMALL_BYTES) this.flush();
    this.#text += piece.toString("latin1");
  }

  flush(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    this.#write(text);
  }
}

/**
 * Frees a large buffer at once, with its last piece, since pieces are done with in order; left to the garbage
 * collector, a fast body piles up 40 MB.
 */
export function freeBuffer(piece: Buffer): void {
  if (piece.length <= SMALL_BYTES) return;
  const { buffer, byteOffset, byteLength } = piece;
  const isLast = byteOffset + byteLength === buffer.byteLength;
  if (isLast && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
