// Reads heads and chunked bodies with llhttp, the HTTP parser that is part of Bun. The binding is internal to the
// runtime: no other file touches it, and `parser.test.ts` fails when an upgrade changes it.

interface Binding {
  readonly HTTPParser: ParserClass;
}

interface ParserClass {
  new (): NativeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientNone: number;
}

interface NativeParser {
  initialize(type: number, resource: object, headBytesMax: number, leniency: number): void;
  /** Bytes taken, or an Error with llhttp's code. */
  execute(bytes: Buffer): number | NativeError;
  // biome-ignore lint/suspicious/noExplicitAny: callbacks of several shapes, by number
  [callback: number]: (...args: any[]) => unknown;
}

interface NativeError extends Error {
  readonly code?: string;
  readonly bytesParsed?: number;
}

const { HTTPParser } = (process as unknown as { binding(name: "http_parser"): Binding }).binding(
  "http_parser",
);

/** No legitimate head is larger; nginx and Node stop at 8 to 32 KiB. */
export const HEAD_BYTES_MAX = 64 * 1024;

/** More are an attack on memory: each costs far more than its bytes. */
export const FIELDS_MAX = 1000;

/** The longest registered method has 17. */
const METHOD_CHARS_MAX = 64;

/** llhttp gets these as they are: CONNECT for its target, PRI for the refusal, since it begins HTTP/2. */
const FAMILIAR_METHODS = new Set("GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT PRI".split(" "));

/** llhttp gets it in place of any other method, of which it refuses all but a few; it reads their requests alike. */
const STAND_IN = Buffer.from("POST");

/** RFC 9110, 5.6.2: a token, or the part of one that has come. */
function isPartOfMethod(text: string): boolean {
  return text.length <= METHOD_CHARS_MAX && /^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/.test(text);
}

/** The binding requires it for tracing, which is not used. */
const RESOURCE = {};

const LF = 10;
const CR = 13;

/** Returned by the callback: stops the parser behind the head, so that its end is known to the byte. */
const STOP_AFTER_HEAD = 2;

/** Header names and values in turn, as they came; bytes above 127 as latin-1. */
export type Fields = readonly string[];

export interface RawHead {
  /** The first line with its line ending, which llhttp reads more leniently than we do. */
  readonly line: string;
  readonly versionMajor: number;
  readonly versionMinor: number;
  /** Empty in an answer. */
  readonly method: string;
  /** Empty in an answer. */
  readonly target: string;
  /** 0 in a request. */
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  /** By version and Connection header together. */
  readonly keepAlive: boolean;
}

/** Irregular: malformed in a way that a recipient of answers may repair. */
type FailureKind = "malformed" | "irregular" | "tooLarge";

/** The bytes are no HTTP, ambiguous, or too many. */
export class ParseFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, reason: string) {
    super(reason);
    this.name = "ParseFailure";
    this.kind = kind;
  }
}

/** Reads the heads that arrive on one connection, and stops behind each. */
export class HeadParser {
  readonly #native = new HTTPParser();
  readonly #type: number;
  #head: RawHead | null = null;
  #fields: string[] = [];
  #target = "";
  #line = "";
  /** Null: not all of it has come. Empty in an answer. */
  #method: string | null;
  #bytes = 0;

  constructor(kind: "request" | "response") {
    this.#type = kind === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
    this.#method = this.#initialMethod;
    this.#native[HTTPParser.kOnHeaders] = (fields: string[], target: string) => {
      this.#fields.push(...fields);
      this.#target += target;
      boundFields(this.#fields);
    };
    this.#native[HTTPParser.kOnHeadersComplete] = this.#complete;
  }

  /** True between the first byte of a head and its last. */
  get midway(): boolean {
    return this.#bytes > 0;
  }

  /** Reads up to the end of a head, for `take`, and returns how many bytes that took. Throws ParseFailure. */
  feed(bytes: Buffer): number {
    // Old clients send an empty line after a body, which belongs to no head.
    const blank = this.midway ? 0 : countLineEnds(bytes);
    if (blank === bytes.length) return blank;
    return blank + this.#feed(blank === 0 ? bytes : bytes.subarray(blank));
  }

  #feed(bytes: Buffer): number {
    // A parser that was stopped ignores errors in the heads that follow, unless it is initialized again.
    if (!this.midway) initialize(this.#native, this.#type);
    const lineChars = this.#line.length;
    if (!this.#line.endsWith("\n")) {
      const end = bytes.indexOf(LF) + 1;
      this.#line += bytes.toString("latin1", 0, end === 0 ? bytes.length : end);
    }
    const consumed =
      this.#method === null ? this.#feedMethod(bytes, lineChars) : this.#execute(bytes);
    this.#bytes += consumed;
    // llhttp counts names and values but not the white space around them, which could go on for ever.
    if (this.#bytes > HEAD_BYTES_MAX) throw new ParseFailure("tooLarge", "header block");
    return consumed;
  }

  /** @param lineChars of the first line that had come before these bytes; llhttp has had none of them yet */
  #feedMethod(bytes: Buffer, lineChars: number): number {
    const end = this.#line.indexOf(" ");
    const method = end === -1 ? this.#line : this.#line.slice(0, end);
    const isFamiliar = FAMILIAR_METHODS.has(method);
    if (!isFamiliar && (end === 0 || !isPartOfMethod(method))) {
      throw new ParseFailure("malformed", "method");
    }
    if (end === -1) return bytes.length;
    this.#method = method;
    if (isFamiliar && lineChars === 0) return this.#execute(bytes);
    this.#execute(isFamiliar ? Buffer.from(method) : STAND_IN);
    const rest = end - lineChars;
    return rest + this.#execute(bytes.subarray(rest));
  }

  #execute(bytes: Buffer): number {
    const consumed = this.#native.execute(bytes);
    if (typeof consumed !== "number") throw failureOf(consumed);
    return consumed;
  }

  get #initialMethod(): string | null {
    return this.#type === HTTPParser.REQUEST ? null : "";
  }

  /** The head that the last `feed` completed. */
  take(): RawHead | null {
    const head = this.#head;
    if (head === null) return null;
    this.#head = null;
    this.#line = "";
    this.#method = this.#initialMethod;
    this.#bytes = 0;
    return head;
  }

  readonly #complete = (
    versionMajor: number,
    versionMinor: number,
    fields: string[] | undefined,
    _method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    reason: string | undefined,
    _upgrade: boolean,
    keepAlive: boolean,
  ): number => {
    this.#head = {
      line: this.#line,
      versionMajor,
      versionMinor,
      method: this.#method ?? "",
      target: target ?? this.#target,
      status: status ?? 0,
      reason: reason ?? "",
      fields: fields ?? this.#fields,
      keepAlive,
    };
    this.#fields = [];
    this.#target = "";
    return STOP_AFTER_HEAD;
  };
}

/** Makes the parser expect a chunked body, and fail at the first byte behind it, which shows where the body ends. */
const CHUNKED_HEAD = Buffer.from(
  "GET / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
);
const BYTES_BEHIND = "HPE_CLOSED_CONNECTION";

/** Reads the chunked bodies that arrive on one connection, one after the other. */
export class ChunkedParser {
  readonly #native = new HTTPParser();
  #trailers: string[] = [];
  #emit: (bytes: Buffer) => void = ignore;
  done = true;

  constructor() {
    this.#native[HTTPParser.kOnHeaders] = (fields: string[]) => {
      this.#trailers.push(...fields);
      boundFields(this.#trailers);
    };
    // Without this callback the binding would report the fields of `CHUNKED_HEAD` as trailers.
    this.#native[HTTPParser.kOnHeadersComplete] = () => 0;
    this.#native[HTTPParser.kOnBody] = (bytes: Buffer) => this.#emit(bytes);
    this.#native[HTTPParser.kOnMessageComplete] = () => {
      this.done = true;
    };
  }

  /** Expects a new body. */
  begin(): void {
    initialize(this.#native, HTTPParser.REQUEST);
    this.#native.execute(CHUNKED_HEAD);
    this.#trailers = [];
    this.done = false;
  }

  /**
   * Hands out the body's part of the bytes; returns how many it and empty lines behind it took. Throws ParseFailure.
   */
  feed(bytes: Buffer, emit: (piece: Buffer) => void): number {
    this.#emit = emit;
    const consumed = this.#native.execute(bytes);
    if (typeof consumed === "number") return consumed;
    if (!this.done || consumed.code !== BYTES_BEHIND) throw failureOf(consumed);
    // The parser has taken the first byte behind the body already; line ends before it mean nothing.
    return (consumed.bytesParsed ?? 1) - 1;
  }

  /** The trailers of the body that is done. */
  get trailers(): Fields {
    return this.#trailers;
  }
}

function countLineEnds(bytes: Buffer): number {
  let count = 0;
  while (bytes[count] === CR || bytes[count] === LF) count += 1;
  return count;
}

function ignore(): void {
  return;
}

function boundFields(fields: Fields): void {
  if (fields.length / 2 > FIELDS_MAX) throw new ParseFailure("tooLarge", "number of fields");
}

function initialize(native: NativeParser, type: number): void {
  native.initialize(type, RESOURCE, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
}

const KINDS: Readonly<Record<string, FailureKind>> = {
  HPE_HEADER_OVERFLOW: "tooLarge",
  HPE_CR_EXPECTED: "irregular",
  HPE_INVALID_STATUS: "irregular",
  HPE_INVALID_CONTENT_LENGTH: "irregular",
  HPE_UNEXPECTED_CONTENT_LENGTH: "irregular",
  HPE_INVALID_TRANSFER_ENCODING: "irregular",
};

function failureOf(error: NativeError): ParseFailure {
  const code = error.code ?? error.message;
  return new ParseFailure(KINDS[code] ?? "malformed", code);
}
