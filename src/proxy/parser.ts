// llhttp, which Bun carries natively, behind a typed wrapper. Nothing else touches the binding, which is internal to the
// runtime: `parser.test.ts` fails loudly when an upgrade changes it.

interface Binding {
  readonly HTTPParser: ParserClass;
  /** Method names by llhttp's number. */
  readonly allMethods: readonly string[];
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
  execute(bytes: Buffer): number | (Error & { code?: string });
  // biome-ignore lint/suspicious/noExplicitAny: callbacks of several shapes, by number
  [callback: number]: (...args: any[]) => unknown;
}

const { HTTPParser, allMethods } = (
  process as unknown as { binding(name: "http_parser"): Binding }
).binding("http_parser");

/** Nothing legitimate is larger; nginx and Node stop at 8 to 32 KiB. */
export const HEAD_BYTES_MAX = 64 * 1024;

/** More are an attack on memory: each costs far more than its bytes. */
export const FIELDS_MAX = 1000;

const LF = 10;

/** Told from the callback: the head ends the parse, so that its end is known to the byte. */
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
  /** What version and Connection header say together. */
  readonly keepAlive: boolean;
}

/** Bytes that are no HTTP, or ambiguous, or too much of it. */
export class ParseFailure extends Error {
  readonly kind: "malformed" | "tooLarge";

  constructor(kind: "malformed" | "tooLarge", reason: string) {
    super(reason);
    this.name = "ParseFailure";
    this.kind = kind;
  }
}

/** Reads one head after the other from a connection, stopping behind each. */
export class HeadParser {
  readonly #native = new HTTPParser();
  #head: RawHead | null = null;
  #fields: string[] = [];
  #target = "";
  #line = "";
  #bytes = 0;

  constructor(kind: "request" | "response") {
    const type = kind === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
    this.#native.initialize(type, {}, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
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

  /** Takes bytes up to the end of a head and tells how many; then `take` has it. Throws ParseFailure. */
  feed(bytes: Buffer): number {
    if (!this.#line.endsWith("\n")) {
      const end = bytes.indexOf(LF) + 1;
      this.#line += bytes.toString("latin1", 0, end === 0 ? bytes.length : end);
    }
    const consumed = execute(this.#native, bytes);
    this.#bytes += consumed;
    // llhttp counts names and values but not the white space around them, which could go on for ever.
    if (this.#bytes > HEAD_BYTES_MAX) throw new ParseFailure("tooLarge", "header block");
    return consumed;
  }

  /** The head that the last `feed` completed. */
  take(): RawHead | null {
    const head = this.#head;
    if (head === null) return null;
    this.#head = null;
    this.#line = "";
    this.#bytes = 0;
    return head;
  }

  readonly #complete = (
    versionMajor: number,
    versionMinor: number,
    fields: string[] | null,
    method: number | null,
    target: string | null,
    status: number | null,
    reason: string | null,
    _upgrade: boolean,
    keepAlive: boolean,
  ): number => {
    this.#head = {
      line: this.#line,
      versionMajor,
      versionMinor,
      method: method === null ? "" : (allMethods[method] ?? ""),
      target: target ?? this.#target,
      status: status ?? 0,
      reason: reason ?? "",
      fields: fields ?? this.#fields,
      keepAlive,
    };
    if (fields === null) {
      this.#fields = [];
      this.#target = "";
    }
    return STOP_AFTER_HEAD;
  };
}

/** As if a head with a chunked body had come. An upgrade makes llhttp stop exactly behind the body. */
const CHUNKED_HEAD = Buffer.from(
  "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: -\r\nTransfer-Encoding: chunked\r\n\r\n",
);

/** Takes the chunks off bodies, one body after the other. */
export class ChunkedParser {
  readonly #native = new HTTPParser();
  #trailers: string[] = [];
  #emit: (bytes: Buffer) => void = ignore;
  done = true;

  constructor() {
    this.#native.initialize(HTTPParser.REQUEST, {}, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
    this.#native[HTTPParser.kOnHeaders] = (fields: string[]) => {
      if (this.#emit === ignore) return;
      this.#trailers.push(...fields);
      boundFields(this.#trailers);
    };
    this.#native[HTTPParser.kOnBody] = (bytes: Buffer) => this.#emit(bytes);
    this.#native[HTTPParser.kOnMessageComplete] = () => {
      this.done = true;
    };
  }

  /** Expects a new body. */
  begin(): void {
    this.#emit = ignore;
    execute(this.#native, CHUNKED_HEAD);
    this.#trailers = [];
    this.done = false;
  }

  /** Hands out what the bytes carry and tells how many belong to this body. Throws ParseFailure. */
  feed(bytes: Buffer, emit: (piece: Buffer) => void): number {
    this.#emit = emit;
    return execute(this.#native, bytes);
  }

  /** The trailers of the body that is done. */
  get trailers(): Fields {
    return this.#trailers;
  }
}

function ignore(): void {
  return;
}

function boundFields(fields: Fields): void {
  if (fields.length / 2 > FIELDS_MAX) throw new ParseFailure("tooLarge", "number of fields");
}

function execute(native: NativeParser, bytes: Buffer): number {
  const result = native.execute(bytes);
  if (typeof result === "number") return result;
  const code = result.code ?? result.message;
  throw new ParseFailure(code === "HPE_HEADER_OVERFLOW" ? "tooLarge" : "malformed", code);
}
