// Splits bytes, in chunks of any size, into lines of bounded length.

/** Of UTF-8; a longer line is cut, so that one line can't fill a queue. */
export const LINE_BYTES_MAX = 16 * 1024;
export const LINE_CUT_MARK = " [cut]";

/** Room for a line of the longest length, its carriage return, and a character across the limit. */
const CARRY_BYTES_MAX = LINE_BYTES_MAX + 8;
const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Splits one stream. Invalid UTF-8 becomes replacement characters; NULs stay. */
export class LineSplitter {
  #carry: Uint8Array = NOTHING;

  /** The unfinished line, cut to a little over the longest length. */
  get carry(): Uint8Array {
    return this.#carry;
  }

  /** The lines that `chunk` completes. */
  push(chunk: Uint8Array): string[] {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end === -1) {
      this.#keep(chunk);
      return [];
    }
    const whole = join(this.#carry, chunk.subarray(0, end));
    this.#carry = NOTHING;
    this.#keep(chunk.subarray(end + 1));
    return decoder.decode(whole).split("\n").map(tidy);
  }

  /** The unfinished line when the stream has ended: one line or none. */
  end(): string[] {
    if (this.#carry.length === 0) return [];
    return this.push(Uint8Array.of(NEWLINE));
  }

  #keep(bytes: Uint8Array): void {
    const room = CARRY_BYTES_MAX - this.#carry.length;
    // Copied, since the caller may reuse the buffer of the chunk.
    if (room > 0 && bytes.length > 0) this.#carry = join(this.#carry, bytes.subarray(0, room));
  }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

function tidy(raw: string): string {
  const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
  // A UTF-16 unit takes at most three bytes, so most lines need no measuring.
  if (line.length * 3 <= LINE_BYTES_MAX || Buffer.byteLength(line) <= LINE_BYTES_MAX) return line;
  return cut(line);
}

function cut(line: string): string {
  const bytes = Buffer.from(line).subarray(0, LINE_BYTES_MAX);
  // A streaming decoder holds back the character that the limit split.
  return (
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true }) + LINE_CUT_MARK
  );
}
