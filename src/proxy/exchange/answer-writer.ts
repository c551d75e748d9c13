// Writes a tenant's answer in the form that the client can take.
import { type AnswerHead, renderAnswerHead } from "../http/answer-head.ts";
import { writeChunk, writeLastChunk, writeLeadingZero } from "../http/chunked.ts";
import type { Fields } from "../http/parser.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ExchangeClient } from "./exchange-client.ts";

export class AnswerWriter {
  readonly #request: RequestHead;
  readonly #client: ExchangeClient;
  #chunked = false;
  /** The client can tell the end of the body from its bytes. */
  #delimited = true;
  #keeps = false;

  constructor(request: RequestHead, client: ExchangeClient) {
    this.#request = request;
    this.#client = client;
  }

  /** The connection can take another request after this answer. */
  get keeps(): boolean {
    return this.#keeps;
  }

  /** How to end an answer that its tenant did not finish. */
  get cutShort(): "close" | "reset" {
    return this.#delimited ? "close" : "reset";
  }

  /** Writes an interim answer, which HTTP/1.0 does not know. */
  interim(head: AnswerHead): void {
    if (this.#request.versionMinor === 0) return;
    this.#client.text(renderAnswerHead(head, { connection: null, chunked: false }));
  }

  /** @param requestDone all of the request has been read */
  head(head: AnswerHead, requestDone: boolean): void {
    const undelimited = head.framing.kind === "chunked" || head.framing.kind === "close";
    this.#chunked = undelimited && this.#request.versionMinor === 1;
    this.#delimited = this.#chunked || !undelimited;
    this.#keeps = this.#decideKeeping(head, requestDone);
    const connection = this.#connectionValue(head);
    this.#client.text(renderAnswerHead(head, { connection, chunked: this.#chunked }));
  }

  body(piece: Buffer): void {
    if (this.#chunked) writeChunk(this.#client, piece);
    else this.#client.bytes(piece);
  }

  end(trailers: Fields): void {
    if (this.#chunked) writeLastChunk(this.#client, trailers);
  }

  /** Sends an answer that a living client ignores. False: HTTP/1.0 knows no interim answers. */
  probeBeforeHead(): boolean {
    if (this.#request.versionMinor === 0) return false;
    this.#client.text("HTTP/1.1 100 Continue\r\n\r\n");
    return true;
  }

  /** The same within the body. False: only chunks have room for it. */
  probeInBody(): boolean {
    if (this.#chunked) writeLeadingZero(this.#client);
    return this.#chunked;
  }

  #decideKeeping(head: AnswerHead, requestDone: boolean): boolean {
    if (!this.#client.staysOpen || !this.#request.keepAlive || !this.#delimited) return false;
    // A client that was refused, or never told to go on, may leave the body out: its next bytes are ambiguous.
    return requestDone || (head.status < 400 && !this.#request.expectsContinue);
  }

  #connectionValue(head: AnswerHead): string | null {
    if (head.status === 426) return this.#keeps ? "Upgrade" : "Upgrade, close";
    return connectionValue(this.#request, this.#keeps);
  }
}

/** The value of the Connection header; null: the client's version implies it. */
export function connectionValue({ versionMinor }: RequestHead, keeps: boolean): string | null {
  if (!keeps) return "close";
  return versionMinor === 0 ? "keep-alive" : null;
}
