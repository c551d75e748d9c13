// Repairs answer heads with LF line ends or redundant lengths (RFC 9112, 2.2 and 6.3).
import { HEAD_BYTES_MAX, HeadParser, ParseFailure, type RawHead } from "./parser.ts";

type State =
  /** The received part of a head is read as it is. */
  | { readonly kind: "strict" }
  /** It was refused so, and is gathered until it can be repaired. */
  | { readonly kind: "gathering"; readonly text: string; readonly failure: ParseFailure };

/** An empty line behind another one; those before the status are no end. */
const HEAD_END = /[^\r\n]\r?\n\r?\n/;
const TAIL_CHARS = 4;

const STRICT: State = { kind: "strict" };

/** Reads heads as `HeadParser` does, and repairs those that have but one meaning. */
export class AnswerHeadParser {
  #parser = new HeadParser("response");
  #state: State = STRICT;
  #head: RawHead | null = null;
  /** Of a head that comes in pieces. */
  #earlier = "";
  #tail = "";
  #hasRepaired = false;

  /** The sender is not to be trusted with another request on its connection. */
  get hasRepaired(): boolean {
    return this.#hasRepaired;
  }

  /** Reads up to the end of a head, for `take`, and returns how many bytes that took. Throws ParseFailure. */
  feed(bytes: Buffer): number {
    if (this.#state.kind === "gathering") return this.#gather(bytes, this.#state);
    try {
      const consumed = this.#parser.feed(bytes);
      this.#head = this.#parser.take();
      if (this.#head === null) this.#earlier += bytes.toString("latin1", 0, consumed);
      else this.#earlier = "";
      return consumed;
    } catch (failure) {
      if (!(failure instanceof ParseFailure) || failure.kind !== "irregular") throw failure;
      this.#tail = this.#earlier.slice(-TAIL_CHARS);
      return this.#gather(bytes, { text: this.#earlier, failure });
    }
  }

  /** The head that the last `feed` completed. */
  take(): RawHead | null {
    const head = this.#head;
    this.#head = null;
    return head;
  }

  #gather(bytes: Buffer, { text, failure }: { text: string; failure: ParseFailure }): number {
    const piece = bytes.toString("latin1", 0, HEAD_BYTES_MAX);
    // Only its last characters are searched again: pieces may be single bytes.
    const searched = this.#tail + piece;
    const end = HEAD_END.exec(searched);
    if (end !== null) {
      const consumed = end.index + end[0].length - this.#tail.length;
      this.#repair(text + piece.slice(0, consumed), failure);
      return consumed;
    }
    if (text.length + piece.length >= HEAD_BYTES_MAX) throw failure;
    this.#tail = searched.slice(-TAIL_CHARS);
    this.#state = { kind: "gathering", text: text + piece, failure };
    return bytes.length;
  }

  #repair(text: string, failure: ParseFailure): void {
    const repaired = repairAnswerHead(text.trimStart());
    if (repaired === null) throw failure;
    this.#parser = new HeadParser("response");
    this.#parser.feed(Buffer.from(repaired, "latin1"));
    this.#head = this.#parser.take();
    if (this.#head === null) throw failure;
    this.#state = STRICT;
    this.#earlier = "";
    this.#tail = "";
    this.#hasRepaired = true;
  }
}

/** A head that llhttp takes; null: it has several meanings, or the fault is another one. */
function repairAnswerHead(text: string): string | null {
  const lines = splitLines(text);
  const lengths = lines.flatMap((line) => valueIn(line, "content-length")?.split(",") ?? []);
  const [length = "", ...others] = lengths.map((each) => each.trim());
  if (others.some((other) => other !== length)) return null;
  if (lines.every((line) => valueIn(line, "transfer-encoding") === null)) {
    return withLengths(lines, [length]).join("\r\n");
  }
  // HTTP/1.0 has no chunks: its senders may mean either.
  return text.startsWith("HTTP/1.1 ") ? withLengths(lines, []).join("\r\n") : null;
}

/** Puts the lengths in place of those that are there, in their order. */
function withLengths(lines: readonly string[], lengths: readonly string[]): readonly string[] {
  const rest = [...lengths];
  return lines.flatMap((line) => {
    if (valueIn(line, "content-length") === null) return [line];
    const length = rest.shift();
    return length === undefined ? [] : [`${line.slice(0, line.indexOf(":"))}: ${length}`];
  });
}

/** Lines that end in LF alone are lines only where all do: a single one may be part of a value. */
function splitLines(text: string): readonly string[] {
  return text.split(text.includes("\r") ? "\r\n" : "\n");
}

function valueIn(line: string, lower: string): string | null {
  const colon = line.indexOf(":");
  return colon === lower.length && line.slice(0, colon).toLowerCase() === lower
    ? line.slice(colon + 1).trim()
    : null;
}
