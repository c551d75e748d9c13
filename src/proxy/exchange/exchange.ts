// One request and its answer: route, lease, forward, done. Owns its lease, which ends with the last byte of the answer.
import type { Service } from "../../core/service.ts";
import { type AnswerHead, renderAnswerHead } from "../http/answer-head.ts";
import type { Fields } from "../http/parser.ts";
import * as refusals from "../http/refusal.ts";
import { isNavigation, type RequestHead } from "../http/request-head.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { UpstreamFailure, UpstreamUser } from "../upstream/upstream-user.ts";
import { AnswerWriter, connectionValue } from "./answer-writer.ts";
import type { Aftermath, BodyTaker, ClientConnection, ClientProbe } from "./client-connection.ts";
import { Outcome } from "./outcome.ts";
import { type PageForm, renderRefusal, renderWaitingPage } from "./pages.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { RequestBody } from "./request-body.ts";
import { ELSEWHERE, type Grant, Seeker } from "./seeker.ts";

type Phase =
  /** No process yet; the body stays unread. */
  | "seeking"
  | "connecting"
  /** The head is with the tenant, and the body follows as it comes. */
  | "sent"
  | "answering"
  /** The answer is out, and the tenant still takes the body. */
  | "uploading"
  | "over";

const WAITING_PAGE_AFTER_MS = 1000;

export class Exchange implements UpstreamUser, BodyTaker, ClientProbe {
  readonly #client: ClientConnection;
  readonly #head: RequestHead;
  readonly #context: ProxyContext;
  readonly #outcome: Outcome;
  readonly #body: RequestBody;
  readonly #answer: AnswerWriter;
  #phase: Phase = "seeking";
  #seeker: Seeker | null = null;
  #service: Service | null = null;
  #grant: Grant | null = null;
  #upstream: Upstream | null = null;

  constructor(head: RequestHead, client: ClientConnection, context: ProxyContext) {
    this.#head = head;
    this.#client = client;
    this.#context = context;
    this.#outcome = new Outcome(context.clock);
    this.#body = new RequestBody(head.framing, this.#outcome.startedAt);
    this.#answer = new AnswerWriter(head, client);
  }

  start(): void {
    const { host, path } = this.#head;
    const { gateway, nextServer } = this.#context;
    const target = nextServer === null ? gateway.decide({ host, path }) : ELSEWHERE;
    if (target.kind === "unknown") {
      this.#refuse(refusals.NOBODY);
      return;
    }
    if (target.kind === "service") this.#service = gateway.service(target.service);
    if (target.kind === "instance") {
      this.#service = gateway.service(target.ref.service);
      this.#outcome.ref = target.ref;
    }
    this.#seeker = new Seeker({ target, context: this.#context, head: this.#head });
    this.#seek(this.#seeker, null);
  }

  /** The request's body may be handed over. */
  get takesBody(): boolean {
    const isHeld = this.#phase === "seeking" || this.#phase === "connecting";
    return !isHeld && this.#upstream?.backlogged === false;
  }

  onRequestBody(piece: Buffer): void {
    if (this.#phase === "over" || this.#upstream === null) return;
    this.#body.moved(this.#context.clock.now());
    this.#body.forward(piece, this.#upstream);
  }

  onRequestEnd(trailers: Fields): void {
    this.#body.end(trailers, this.#upstream);
    if (this.#phase !== "uploading") return;
    this.#upstream?.flush();
    this.#finish("keep");
  }

  /** Everything that one read brought has been handed over. */
  onRequestBatch(): void {
    this.#upstream?.flush();
  }

  onClientDrain(): void {
    this.#upstream?.resume();
  }

  /** The client is gone. */
  abort(): void {
    if (this.#phase !== "over") this.#end();
  }

  /** The rest of the request is no HTTP. */
  reject(refusal: refusals.Refusal, cause: unknown): void {
    this.#outcome.cause = cause;
    if (this.#phase === "answering" || this.#phase === "uploading") this.#finish("reset");
    else if (this.#phase !== "over") this.#refuse(refusal);
  }

  probe(): boolean {
    switch (this.#phase) {
      case "answering":
        if (!this.#answer.probe()) return false;
        break;
      case "uploading":
      case "over":
        return false;
      default:
        if (this.#head.versionMinor === 0) return false;
        this.#client.text("HTTP/1.1 100 Continue\r\n\r\n");
    }
    this.#client.flush();
    return true;
  }

  /** Ends what has taken too long. */
  sweep(now: number): void {
    switch (this.#phase) {
      case "seeking":
        if (now - this.#outcome.startedAt < WAITING_PAGE_AFTER_MS) break;
        if (this.#service?.waitingPage && isNavigation(this.#head))
          this.#reply(503, renderWaitingPage);
        break;
      case "connecting":
      case "sent":
        if (this.#body.isOverdue(now, this.#service?.requestTimeoutMs ?? 0)) {
          this.#refuse(refusals.TENANT_TOO_SLOW);
        } else if (this.takesBody && this.#body.stalls(now)) this.#refuse(refusals.TOO_SLOW);
        break;
      case "answering":
        if (this.takesBody && this.#body.stalls(now)) this.#finish("reset");
        break;
      case "uploading":
        if (this.#body.stalls(now)) this.#finish("close");
        break;
      case "over":
        break;
    }
  }

  /** Goes on with a grant, at once where there is one. */
  #seek(seeker: Seeker, failure: "refused" | "broken" | null): void {
    try {
      const grant = failure === null ? seeker.seek() : seeker.seekAgain(this.#outcome.ref, failure);
      if (grant === null) this.#refuse(refusals.BAD_GATEWAY);
      else if (!(grant instanceof Promise)) this.#use(seeker, grant);
      else {
        grant.then(
          (later) => this.#use(seeker, later),
          (error: unknown) => this.#giveUp(error),
        );
      }
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    if (this.#phase === "over") return;
    this.#outcome.cause = error;
    this.#refuse(refusals.refusalOf(error));
  }

  #use(seeker: Seeker, grant: Grant): void {
    if (this.#phase === "over") {
      grant.lease?.release();
      return;
    }
    this.#grant = grant;
    this.#outcome.ref = grant.lease?.ref ?? null;
    // A server has limits of its own for its tenants.
    if (grant.lease === null) this.#service = null;
    this.#phase = "connecting";
    this.#body.moved(this.#context.clock.now());
    const { restMsMax } = seeker;
    this.#upstream = this.#context.pool.acquire(grant.destination, { restMsMax, user: this });
    if (this.#upstream.isOpen) this.#send();
  }

  onOpen(): void {
    this.#body.moved(this.#context.clock.now());
    this.#send();
  }

  #send(): void {
    this.#phase = "sent";
    this.#upstream?.request(this.#head.method, this.#head.rendered);
    if (this.#body.done) this.#upstream?.flush();
    else this.#client.feed();
  }

  onHead(head: AnswerHead): void {
    if (head.status === 101) this.#becomeTunnel(head);
    else if (head.status < 200) this.#answer.interim(head);
    else {
      this.#phase = "answering";
      this.#outcome.status = head.status;
      this.#answer.head(head, this.#body.done);
    }
  }

  onBody(piece: Buffer): void {
    this.#answer.body(piece);
  }

  onBatch(): void {
    if (this.#phase === "over") return;
    this.#client.flush();
    if (this.#client.slow) this.#upstream?.pause();
  }

  onEnd(trailers: Fields): void {
    this.#answer.end(trailers);
    if (this.#answer.keeps && !this.#body.done) {
      // Others cut an upload that was answered early; the tenant may still want it.
      this.#phase = "uploading";
      return;
    }
    this.#finish(this.#answer.keeps ? "keep" : "close");
  }

  onDrain(): void {
    this.#body.moved(this.#context.clock.now());
    this.#client.feed();
  }

  onFailure(failure: UpstreamFailure): void {
    this.#outcome.cause = failure.cause;
    const answered = this.#upstream?.answered === true;
    this.#upstream = null;
    if (this.#phase === "uploading") this.#finish("close");
    else if (this.#phase === "answering") this.#finish(this.#answer.cutShort);
    else if (failure.kind === "malformed" || answered || !this.#body.untouched) {
      this.#refuse(refusals.BAD_GATEWAY);
    } else this.#retry(failure.kind);
  }

  #retry(kind: "refused" | "broken"): void {
    this.#grant?.lease?.release();
    this.#grant = null;
    this.#phase = "seeking";
    if (this.#seeker !== null) this.#seek(this.#seeker, kind);
  }

  #becomeTunnel(head: AnswerHead): void {
    if (this.#upstream === null || !this.#head.upgrade || !this.#body.done) {
      this.#refuse(refusals.BAD_GATEWAY);
      return;
    }
    this.#outcome.status = head.status;
    this.#phase = "over";
    this.#client.text(renderAnswerHead(head, { connection: "Upgrade", chunked: false }));
    this.#context.observe(this.#outcome.record());
    this.#client.tunnel(this.#upstream, this.#grant?.lease ?? null);
  }

  #refuse(refusal: refusals.Refusal): void {
    this.#reply(refusal.status, (form) => renderRefusal(refusal, form));
  }

  /** An answer of our own, instead of the tenant's. */
  #reply(status: number, render: (form: PageForm) => string): void {
    const { keepAlive, acceptsHtml, method } = this.#head;
    const keeps = keepAlive && this.#body.done && this.#client.staysOpen;
    const connection = connectionValue(this.#head, keeps);
    this.#outcome.status = status;
    this.#client.text(render({ html: acceptsHtml, bodiless: method === "HEAD", connection }));
    this.#end();
    this.#client.settle(keeps ? "keep" : "close");
  }

  #finish(aftermath: Aftermath): void {
    if (this.#grant !== null && this.#upstream !== null && this.#body.done) {
      this.#context.pool.release(this.#grant.destination, this.#upstream);
      this.#upstream = null;
    }
    this.#end();
    this.#client.settle(aftermath);
  }

  /** Lets go of everything; what is still connected is cut. */
  #end(): void {
    this.#phase = "over";
    this.#seeker?.cancel();
    this.#upstream?.destroy();
    this.#grant?.lease?.release();
    this.#context.observe(this.#outcome.record());
  }
}
