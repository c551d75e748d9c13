// Answer heads: checked for where the body ends, and rendered for the client.
import type { Framing } from "./body.ts";
import { type Fields, ParseFailure, type RawHead } from "./parser.ts";
import { listedByConnection } from "./request-head.ts";

export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly framing: Framing;
  /** The tenant keeps the connection for another request. */
  readonly keepAlive: boolean;
}

/** Checks a parsed head and decides where its body ends. Throws ParseFailure for anything ambiguous. */
export function readAnswerHead(raw: RawHead, requestMethod: string): AnswerHead {
  if (raw.versionMajor !== 1 || raw.versionMinor > 1)
    throw new ParseFailure("malformed", "version");
  const framing = decideFraming(raw, requestMethod);
  return {
    status: raw.status,
    reason: raw.reason,
    fields: raw.fields,
    framing,
    keepAlive: raw.versionMinor === 1 && framing.kind !== "close" && !saysClose(raw),
  };
}

/** Asked where llhttp denies keep-alive: it also does so for a body without a length, which HEAD leaves out. */
function saysClose({ keepAlive, fields }: RawHead): boolean {
  if (keepAlive) return false;
  return fields.some(
    (value, index) => fields[index - 1]?.toLowerCase() === "connection" && /\bclose\b/i.test(value),
  );
}

function decideFraming(raw: RawHead, requestMethod: string): Framing {
  const declared = declaredFraming(raw.fields);
  const { status } = raw;
  if (requestMethod === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { kind: "none" };
  }
  return declared;
}

function declaredFraming(fields: Fields): Framing {
  let framing: Framing = { kind: "close" };
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    // The two names are 14 and 17 characters long, which spares most others the comparison.
    if (name.length !== 14 && name.length !== 17) continue;
    const lower = name.toLowerCase();
    if (lower !== "content-length" && lower !== "transfer-encoding") continue;
    if (framing.kind !== "close") throw new ParseFailure("malformed", "two framings");
    framing = readFraming(lower, fields[index + 1] ?? "");
  }
  return framing;
}

function readFraming(lower: string, value: string): Framing {
  if (lower === "transfer-encoding") {
    if (value.toLowerCase() === "chunked") return { kind: "chunked" };
    throw new ParseFailure("malformed", "Transfer-Encoding");
  }
  const bytes = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(bytes)) {
    throw new ParseFailure("malformed", "Content-Length");
  }
  return { kind: "length", bytes };
}

/** The parts of an answer head that the proxy decides. */
export interface AnswerForm {
  /** The value of the Connection header; null: none. */
  readonly connection: string | null;
  /** The body goes out in chunks, however it came. */
  readonly chunked: boolean;
}

/** Status line and headers as they came, without those that concern only the tenant's connection. */
export function renderAnswerHead(head: AnswerHead, form: AnswerForm): string {
  const listed = listedByConnection(head.fields);
  const keepsUpgrade = head.status === 101 || head.status === 426;
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  let unannounced = form.chunked;
  for (let index = 0; index < head.fields.length; index += 2) {
    const name = head.fields[index] ?? "";
    const lower = name.toLowerCase();
    if (lower === "transfer-encoding" && unannounced) unannounced = false;
    else if (isHopByHop(lower) && !(keepsUpgrade && lower === "upgrade")) continue;
    if (listed?.has(lower) === true) continue;
    text += `${name}: ${head.fields[index + 1] ?? ""}\r\n`;
  }
  if (unannounced) text += "Transfer-Encoding: chunked\r\n";
  if (form.connection !== null) text += `Connection: ${form.connection}\r\n`;
  return `${text}\r\n`;
}

function isHopByHop(lower: string): boolean {
  switch (lower) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "proxy-authenticate":
    case "transfer-encoding":
    case "upgrade":
      return true;
    default:
      return false;
  }
}
