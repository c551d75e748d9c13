// Writes bodies in the chunked transfer coding of HTTP/1.1.
import type { Fields } from "./parser.ts";

const NEVER_A_TRAILER =
  /^(?:host|content-length|transfer-encoding|connection|x[-_]forwarded[-_].*|forwarded)$/i;

/** Where a chunked body is written to. */
interface Output {
  text(latin1: string): void;
  bytes(piece: Buffer): void;
}

export function writeChunk(output: Output, piece: Buffer): void {
  output.text(`${piece.length.toString(16)}\r\n`);
  output.bytes(piece);
  output.text("\r\n");
}

/** Ends the body: last chunk, trailers, empty line. */
export function writeLastChunk(output: Output, trailers: Fields): void {
  let text = "0\r\n";
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] ?? "";
    if (!NEVER_A_TRAILER.test(name)) text += `${name}: ${trailers[index + 1] ?? ""}\r\n`;
  }
  output.text(`${text}\r\n`);
}

/** Sends a byte that adds nothing to the body: the size of the next chunk may begin with a zero. */
export function writeLeadingZero(output: Output): void {
  output.text("0");
}
