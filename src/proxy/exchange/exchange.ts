// One request and its answer. Owns the lease, which ends with the last byte of the answer.
import { unreachable } from "../../core/assert.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import { type AnswerHead, renderAnswerHead } from "../http/answer-head.ts";
import type { Fields } from "../http/parser.ts";
import * as refusals from "../http/refusal.ts";
import { isNavigation, type RequestHead, renderForApi } from "../http/request-head.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { UpstreamFailure, UpstreamUser } from "../upstream/upstream-user.ts";
import { AnswerWriter } from "./answer-writer.ts";
import type { Disposition, ExchangeClient } from "./exchange-client.ts";
import { Outcome } from "./outcome.ts";
import { type OwnAnswer, refusalAnswer, WAITING_PAGE, writeOwnAnswer } from "./own-answer.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { RequestBody } from "./request-body.ts";
import { type Grant, Seeker } from "./seeker.ts";
import { Timeouts } from "./timeouts.ts";

type Phase =
  /** No process yet; the body stays unread. */
  { readonly kind: "seeking" } | Forwarding | { readonly kind: "over" };

interface Forwarding {
  readonly kind:
    | "connecting"
    /** The head is with the tenant, and the body follows as it comes. */
    | "sent"
    | "answering"
    /** The answer is out, and the tenant still takes the body. */
    | "uploading";
  /** Null: it goes to the API or to the next server. */
  readonly lease: Lease | null;
  readonly upstream: Upstream;
}

const SEEKING: Phase = { kind: "seeking" };
const OVER: Phase = { kind: "over" };

export class Exchange implements UpstreamUser {
  readonly #client: ExchangeClient;
  readonly #head: RequestHead;
  readonly #context: ProxyContext;
  readonly #seeker: Seeker;
  readonly #outcome: Outcome;
  readonly #timeouts: Timeouts;
  readonly #body: RequestBody;
  readonly #answer: AnswerWriter;
  #phase: Phase = SEEKING;

  constructor(head: RequestHead, client: ExchangeClient, context: ProxyContext) {
    this.#head = head;
    this.#client = client;
    this.#context = context;
    this.#seeker = new Seeker(head, context);
    this.#outcome = new Outcome(context.clock, this.#seeker.ref);
    this.#timeouts = new Timeouts(this.#outcome.startedAt, this.#seeker.service);
    this.#body = new RequestBody(head.framing);
    this.#answer = new AnswerWriter(head, client);
  }

  /** Bytes on their way, in either direction. */
  get heldBytes(): number {
    return "upstream" in this.#phase ? this.#phase.upstream.heldBytes : 0;
  }

  /** Forwards the request at once where a process runs; may end the exchange before it returns. */
  start(): void {
    this.#seek(() => this.#seeker.seek(), refusals.NOT_FOUND);
  }

  /** The request's body may be handed over. */
  get takesBody(): boolean {
    const phase = this.#phase;
    return "upstream" in phase && phase.kind !== "connecting" && !phase.upstream.backlogged;
  }

  onRequestBody(piece: Buffer): void {
    if (!("upstream" in this.#phase)) return;
    this.#timeouts.requestMoved(this.#context.clock.now());
    this.#body.forward(piece, this.#phase.upstream);
  }

  onRequestEnd(trailers: Fields): void {
    if (!("upstream" in this.#phase)) return;
    const { kind, upstream } = this.#phase;
    this.#body.end(trailers, upstream);
    if (kind !== "uploading") return;
    upstream.flush();
    this.#finish("keep");
  }

  /** All of the request that is here has been handed over. */
  onRequestBatch(): void {
    if ("upstream" in this.#phase) this.#phase.upstream.flush();
  }

  /** The client takes more again. */
  onClientDrain(): void {
    if ("upstream" in this.#phase) this.#phase.upstream.resume();
  }

  /** The client is gone. */
  abort(): void {
    if (this.#phase.kind !== "over") this.#end("destroy");
  }

  /** The rest of the request is no HTTP. */
  reject(refusal: refusals.Refusal, cause: unknown): void {
    const { kind } = this.#phase;
    this.#outcome.cause = cause;
    if (kind === "answering" || kind === "uploading") this.#finish("reset");
    else if (kind !== "over") this.#refuse(refusal);
  }

  /** Sends bytes that a client ignores if it is there, and answers with a reset if it is gone. False: can't now. */
  probe(): boolean {
    const { kind } = this.#phase;
    if (kind === "uploading" || kind === "over") return false;
    const isSent =
      kind === "answering" ? this.#answer.probeInBody() : this.#answer.probeBeforeHead();
    if (isSent) this.#client.flush();
    return isSent;
  }

  /** Refuses or cuts the exchange when it has taken too long. */
  sweep(now: number): void {
    const isStalled = !this.#body.done && this.#timeouts.isBodyStalled(now);
    switch (this.#phase.kind) {
      case "seeking":
        if (this.#isWaitingPageDue(now)) this.#answerItself(WAITING_PAGE);
        break;
      case "connecting":
      case "sent":
        if (this.#timeouts.isAnswerOverdue(now)) this.#refuse(refusals.TENANT_TOO_SLOW);
        else if (isStalled && this.takesBody) this.#refuse(refusals.TOO_SLOW);
        break;
      case "answering":
        if (isStalled && this.takesBody) this.#finish("reset");
        break;
      case "uploading":
        if (isStalled) this.#finish("close");
        break;
      case "over":
        break;
      default:
        unreachable(this.#phase);
    }
  }

  #isWaitingPageDue(now: number): boolean {
    return (
      this.#seeker.isWaking && this.#timeouts.isWaitingPageDue(now) && isNavigation(this.#head)
    );
  }

  /** @param seek null: there is none to go on with, and the refusal is the answer */
  #seek(seek: () => ReturnType<Seeker["seek"]>, refusal: refusals.Refusal): void {
    const take = (grant: Grant | null) => {
      if (grant !== null) this.#forward(grant);
      else if (this.#phase.kind !== "over") this.#refuse(refusal);
    };
    try {
      const grant = seek();
      if (!(grant instanceof Promise)) take(grant);
      else grant.then(take, (error: unknown) => this.#giveUp(error));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    if (this.#phase.kind === "over") return;
    this.#outcome.cause = error;
    this.#refuse(refusals.refusalOf(error));
  }

  #forward({ destination, lease }: Grant): void {
    if (this.#phase.kind === "over") {
      lease?.release();
      return;
    }
    this.#outcome.ref = lease?.ref ?? null;
    if (lease === null) this.#timeouts.leaveToOther();
    this.#timeouts.requestMoved(this.#context.clock.now());
    const { reuse } = this.#seeker;
    const upstream = this.#context.pool.acquire(destination, { reuse, user: this });
    if (upstream.isOpen) this.#send(lease, upstream);
    else this.#phase = { kind: "connecting", lease, upstream };
  }

  onOpen(): void {
    if (this.#phase.kind !== "connecting") return;
    this.#timeouts.requestMoved(this.#context.clock.now());
    this.#send(this.#phase.lease, this.#phase.upstream);
  }

  #send(lease: Lease | null, upstream: Upstream): void {
    this.#phase = { kind: "sent", lease, upstream };
    const head = lease === null ? renderForApi(this.#head) : this.#head.rendered;
    upstream.request(this.#head.method, head);
    this.#client.feed();
  }

  onHead(head: AnswerHead): void {
    if (this.#phase.kind !== "sent") return;
    if (head.status === 101) this.#becomeTunnel(head, this.#phase);
    else if (head.status < 200) this.#answer.interim(head);
    else {
      const { lease, upstream } = this.#phase;
      this.#phase = { kind: "answering", lease, upstream };
      this.#outcome.status = head.status;
      this.#answer.head(head, this.#body.done);
    }
  }

  onBody(piece: Buffer): void {
    this.#answer.body(piece);
  }

  onBatch(): void {
    if (!("upstream" in this.#phase)) return;
    this.#client.flush();
    if (this.#client.slow) this.#phase.upstream.pause();
  }

  onEnd(trailers: Fields): void {
    if (this.#phase.kind !== "answering") return;
    this.#answer.end(trailers);
    if (!this.#answer.keeps) this.#finish("close");
    else if (this.#body.done) this.#finish("keep");
    else {
      // Other proxies cut an upload that was answered early, but the tenant may still want it.
      const { lease, upstream } = this.#phase;
      this.#phase = { kind: "uploading", lease, upstream };
    }
  }

  onDrain(): void {
    this.#timeouts.requestMoved(this.#context.clock.now());
    this.#client.feed();
  }

  onFailure(failure: UpstreamFailure): void {
    if (!("upstream" in this.#phase)) return;
    const { kind, lease, upstream } = this.#phase;
    this.#outcome.cause = failure.cause;
    if (kind === "uploading") this.#finish("close");
    else if (kind === "answering") this.#finish(this.#answer.cutShort);
    else if (failure.kind === "malformed" || upstream.answered) this.#refuse(refusals.BAD_GATEWAY);
    else {
      if (failure.kind === "broken") this.#context.pool.broke(upstream);
      lease?.release();
      this.#phase = SEEKING;
      const attempt = failure.kind;
      this.#seek(() => this.#seeker.seekAgain(lease, attempt), refusals.BAD_GATEWAY);
    }
  }

  #becomeTunnel(head: AnswerHead, { lease, upstream }: Forwarding): void {
    if (!this.#head.upgrade || !this.#body.done) {
      this.#refuse(refusals.BAD_GATEWAY);
      return;
    }
    this.#outcome.status = head.status;
    this.#phase = OVER;
    this.#client.text(renderAnswerHead(head, { connection: "Upgrade", chunked: false }));
    this.#context.observe(this.#outcome.record());
    this.#client.tunnel(upstream, lease);
  }

  #refuse(refusal: refusals.Refusal): void {
    this.#answerItself(refusalAnswer(refusal));
  }

  #answerItself(answer: OwnAnswer): void {
    const request = { head: this.#head, client: this.#client, addressee: this.#seeker };
    const disposition = writeOwnAnswer(answer, { ...request, requestDone: this.#body.done });
    this.#outcome.status = answer.status;
    this.#end("destroy");
    this.#client.finish(disposition);
  }

  #finish(disposition: Disposition): void {
    this.#end(this.#body.done ? "pool" : "destroy");
    this.#client.finish(disposition);
  }

  /** Releases all that the exchange holds; `pool`: another one may use the connection to the tenant. */
  #end(fate: "pool" | "destroy"): void {
    const phase = this.#phase;
    this.#phase = OVER;
    if (phase.kind === "seeking") this.#seeker.cancel();
    if ("upstream" in phase) {
      if (fate === "pool") this.#context.pool.release(phase.upstream);
      else phase.upstream.destroy();
      phase.lease?.release();
    }
    this.#context.observe(this.#outcome.record());
  }
}
