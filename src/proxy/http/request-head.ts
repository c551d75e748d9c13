// Request heads: checked, stripped of hop-by-hop headers, and rendered for the tenant.
import { CLIENT_HEADER } from "../../core/access.ts";
import { normalizeHostname } from "../../core/routing.ts";
import { networkOf } from "./address-key.ts";
import type { Framing } from "./body.ts";
import {
  clientOf,
  type ForwardedClaims,
  NO_CLAIMS,
  type Peer,
  renderForwarded,
  senderOf,
} from "./forwarded.ts";
import type { Fields, RawHead } from "./parser.ts";
import { MALFORMED, METHOD_REFUSED, RequestRefused } from "./refusal.ts";

export interface RequestHead {
  readonly method: string;
  /** As it goes to the tenant: origin form or `*`. */
  readonly target: string;
  /** The target without its query. */
  readonly path: string;
  /** As `normalizeHostname` returns it; empty when an HTTP/1.0 client names none. */
  readonly hostname: string;
  /** The address that it came from, for operators. */
  readonly from: string;
  /** The client's address, as far as the proxies on its way are trusted. */
  readonly client: string;
  readonly versionMinor: number;
  readonly framing: Framing;
  /** The client wants to keep the connection. */
  readonly keepAlive: boolean;
  /** The client offers to change the protocol. */
  readonly upgrade: boolean;
  readonly expectsContinue: boolean;
  readonly acceptsHtml: boolean;
  /** The head for the tenant, complete. */
  readonly rendered: string;
}

/** The result of one pass over the header lines. */
interface Findings {
  readonly host: string | null;
  readonly framing: Framing;
  readonly upgrade: boolean;
  readonly expectsContinue: boolean;
  readonly acceptsHtml: boolean;
  readonly claims: ForwardedClaims;
  /** The lines that go on to the tenant, as they came and in their order. */
  readonly lines: string;
}

// llhttp also takes several spaces, no version at all, HTTP/2.0 and other protocols' names.
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.[01]\r\n$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

const CLIENT_HEADER_LOWER = CLIENT_HEADER.toLowerCase();

/** Turns a parsed head into one that may be forwarded. Throws RequestRefused for anything ambiguous. */
export function readRequestHead(raw: RawHead, peer: Peer): RequestHead {
  if (!REQUEST_LINE.test(raw.line)) throw malformed("request line");
  if (raw.method === "CONNECT") throw new RequestRefused(METHOD_REFUSED, "CONNECT");
  const found = scan(raw, peer);
  const { target, authority } = readTarget(raw);
  if (found.host === null && raw.versionMinor === 1) throw malformed("no Host");
  if (found.host !== null && !HOST.test(found.host)) throw malformed("Host");
  const hostname = normalizeHostname(found.host ?? authority ?? "");
  if (authority !== null && normalizeHostname(authority) !== hostname)
    throw malformed("Host and target");
  const hostLine = found.host === null ? `Host: ${authority ?? "localhost"}\r\n` : "";
  return {
    method: raw.method,
    target,
    path: pathOf(target),
    hostname,
    from: senderOf(peer, found.claims),
    // Of the requests to the API alone.
    get client() {
      return clientOf(peer, found.claims);
    },
    versionMinor: raw.versionMinor,
    framing: isEmpty(found.framing) ? { kind: "none" } : found.framing,
    keepAlive: raw.keepAlive,
    upgrade: found.upgrade,
    expectsContinue: found.expectsContinue,
    acceptsHtml: found.acceptsHtml,
    rendered:
      `${raw.method} ${target} HTTP/1.1\r\n${hostLine}${found.lines}` +
      `${found.upgrade ? "Connection: Upgrade\r\n" : ""}` +
      `${renderForwarded(peer, found.host ?? authority ?? "", found.claims)}\r\n`,
  };
}

/** The head for the API, which is told who the client is. */
export function renderForApi({ rendered, client }: RequestHead): string {
  return `${rendered.slice(0, -"\r\n".length)}${CLIENT_HEADER}: ${networkOf(client)}\r\n\r\n`;
}

/** A browser opens a page: it can show another one meanwhile, and reload. */
export function isNavigation({ method, acceptsHtml, upgrade }: RequestHead): boolean {
  return method === "GET" && acceptsHtml && !upgrade;
}

function isEmpty(framing: Framing): boolean {
  return framing.kind === "length" && framing.bytes === 0;
}

function malformed(reason: string): RequestRefused {
  return new RequestRefused(MALFORMED, reason);
}

function readTarget({ method, target }: RawHead): { target: string; authority: string | null } {
  if (target.startsWith("/")) return { target, authority: null };
  if (target === "*" && method === "OPTIONS") return { target, authority: null };
  const [, authority, rest] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined || rest === undefined || !HOST.test(authority)) {
    throw malformed("target");
  }
  if (rest === "" && method === "OPTIONS") return { target: "*", authority };
  return { target: rest.startsWith("/") ? rest : `/${rest}`, authority };
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** Names that a Connection header must not remove: routing and framing depend on them. */
const IRREMOVABLE = new Set(["host", "content-length", "transfer-encoding", "expect"]);

/** The names that a Connection header lists besides its own keywords. */
export function listedByConnection(fields: Fields): ReadonlySet<string> | null {
  let listed: Set<string> | null = null;
  for (let index = 0; index < fields.length; index += 2) {
    if (!isNamed(fields[index], "connection")) continue;
    for (const part of (fields[index + 1] ?? "").toLowerCase().split(",")) {
      const name = part.trim();
      if (name === "" || name === "close" || name === "keep-alive" || name === "upgrade") continue;
      if (IRREMOVABLE.has(name)) continue;
      listed ??= new Set();
      listed.add(name);
    }
  }
  return listed;
}

function isNamed(name: string | undefined, lower: string): boolean {
  return name?.length === lower.length && name.toLowerCase() === lower;
}

function scan(raw: RawHead, peer: Peer): Findings {
  const scanner = new RequestScanner(raw, peer);
  for (let index = 0; index < raw.fields.length; index += 2) {
    scanner.field(raw.fields[index] ?? "", raw.fields[index + 1] ?? "");
  }
  return scanner.findings();
}

class RequestScanner {
  readonly #raw: RawHead;
  readonly #peer: Peer;
  readonly #listed: ReadonlySet<string> | null;
  #lines = "";
  #host: string | null = null;
  #framing: Framing = { kind: "none" };
  #offersUpgrade = false;
  #expectsContinue = false;
  #acceptsHtml = false;
  #claims: ForwardedClaims = NO_CLAIMS;

  constructor(raw: RawHead, peer: Peer) {
    this.#raw = raw;
    this.#peer = peer;
    this.#listed = listedByConnection(raw.fields);
  }

  /** Reads one header line; forwards it unless it concerns only this hop or makes a claim about the client. */
  field(name: string, value: string): void {
    const lower = name.toLowerCase();
    switch (lower) {
      case "host":
        if (this.#host !== null) throw malformed("two Hosts");
        this.#host = value;
        break;
      case "content-length":
        this.#length(value);
        break;
      case "transfer-encoding":
        this.#encoding(value);
        break;
      case "upgrade":
        if (this.#listed?.has(lower) !== true) this.#upgrade(name, value);
        return;
      case "expect":
        this.#expectsContinue = value.toLowerCase() === "100-continue";
        break;
      case "accept":
        this.#acceptsHtml ||= value.toLowerCase().includes("text/html");
        break;
      case "connection":
      case "keep-alive":
      case "proxy-connection":
      case "proxy-authorization":
      case "te":
      case "http2-settings":
        return;
      default:
        if (this.#isClaim(lower, value)) return;
    }
    if (this.#listed?.has(lower) === true) return;
    this.#lines += `${name}: ${value}\r\n`;
  }

  findings(): Findings {
    return {
      host: this.#host,
      framing: this.#framing,
      upgrade: this.#offersUpgrade,
      expectsContinue: this.#expectsContinue,
      acceptsHtml: this.#acceptsHtml,
      claims: this.#claims,
      lines: this.#lines,
    };
  }

  #upgrade(name: string, value: string): void {
    const { fields, versionMinor } = this.#raw;
    const protocols = withoutHttp2(value);
    if (protocols === "" || versionMinor === 0 || !connectionNamesUpgrade(fields)) return;
    this.#offersUpgrade = true;
    this.#lines += `${name}: ${protocols}\r\n`;
  }

  #length(value: string): void {
    const bytes = Number(value);
    if (this.#framing.kind !== "none" || !/^\d+$/.test(value) || !Number.isSafeInteger(bytes)) {
      throw malformed("Content-Length");
    }
    this.#framing = { kind: "length", bytes };
  }

  #encoding(value: string): void {
    const isOne = this.#framing.kind === "none" && this.#raw.versionMinor === 1;
    if (!isOne || value.toLowerCase() !== "chunked") throw malformed("Transfer-Encoding");
    this.#framing = { kind: "chunked" };
  }

  /** True: the header is about the client, and the tenant must not get it as it came. */
  #isClaim(lower: string, value: string): boolean {
    if (!lower.startsWith("x") && lower !== "forwarded") return false;
    // Applications behind CGI or WSGI can't tell `_` from `-`, so both spellings count.
    switch (lower.replaceAll("_", "-")) {
      case "forwarded":
        return !this.#peer.trusted;
      case "x-forwarded-for":
        return this.#claim({ for: [...this.#claims.for, value] });
      case "x-forwarded-host":
        return this.#claim({ host: value });
      case "x-forwarded-proto":
        return this.#claim({ proto: value });
      case "x-request-id":
        return this.#claim({ requestId: value });
      case CLIENT_HEADER_LOWER:
        return true;
      default:
        return false;
    }
  }

  #claim(claim: Partial<ForwardedClaims>): true {
    if (this.#peer.trusted) this.#claims = { ...this.#claims, ...claim };
    return true;
  }
}

function connectionNamesUpgrade(fields: Fields): boolean {
  return fields.some(
    (value, index) =>
      index % 2 === 1 &&
      isNamed(fields[index - 1], "connection") &&
      /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(value),
  );
}

/** RFC 9110, 7.8: a name, and a version behind a slash. */
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/;
const HTTP2 = /^h2c?(?:-\d+)?(?:\/|$)/i;

/** The protocols without HTTP/2, whose requests inside a tunnel nothing would check and mark. */
function withoutHttp2(value: string): string {
  const offered = value.split(",").map((protocol) => protocol.trim());
  return offered.filter((each) => PROTOCOL.test(each) && !HTTP2.test(each)).join(", ");
}
