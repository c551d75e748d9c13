// One connection to a tenant: bytes out with a backlog, answers in, one user at a time.
import type { Endpoint } from "../../core/endpoint.ts";
import { connect } from "../../platform/connect.ts";
import { type AnswerHead, readAnswerHead } from "../http/answer-head.ts";
import { BodyReader } from "../http/body.ts";
import { freePiece, Outbox } from "../http/outbox.ts";
import { HeadParser, ParseFailure } from "../http/parser.ts";
import type { RawUser, UpstreamFailure, UpstreamUser } from "./upstream-user.ts";

type State =
  | { readonly kind: "connecting" | "busy"; readonly user: UpstreamUser }
  | { readonly kind: "idle"; readonly onClose: () => void }
  | { readonly kind: "tunnel"; readonly user: RawUser }
  | { readonly kind: "closed" };

type TenantSocket = Bun.Socket<undefined>;

export class Upstream {
  /** A byte of the current answer has come. */
  answered = false;
  #state: State;
  #socket: TenantSocket | null = null;
  #method = "";
  #answer: AnswerHead | null = null;
  #ended = false;
  #reusable = false;
  #backlog: Buffer[] = [];
  #paused = false;
  #shutdownDue = false;
  readonly #heads = new HeadParser("response");
  readonly #body = new BodyReader();
  readonly #outbox = new Outbox((data) => this.#send(data));

  /** Starts connecting; the user hears `onOpen` or `onFailure`. */
  constructor(endpoint: Endpoint, user: UpstreamUser) {
    this.#state = { kind: "connecting", user };
    const handler: Bun.SocketHandler<undefined> = {
      open: (socket) => this.#onOpen(socket),
      data: (_, bytes) => this.#onData(bytes),
      drain: () => this.#onDrain(),
      end: () => this.#onEnd(),
      close: (_, error) => this.#onClose(error),
      error: (_, error) => this.#onClose(error),
    };
    connect(endpoint, handler, { allowHalfOpen: true }).catch((cause: unknown) =>
      this.#fail({ kind: "refused", cause }),
    );
  }

  get isOpen(): boolean {
    return this.#socket !== null && this.#state.kind !== "closed";
  }

  /** Bytes wait for the tenant to read. */
  get backlogged(): boolean {
    return this.#backlog.length > 0;
  }

  /** The last answer ended cleanly and the tenant keeps the connection. */
  get reusable(): boolean {
    return this.#reusable && this.#state.kind === "busy" && !this.backlogged;
  }

  /** Begins a request with its complete head. */
  request(method: string, head: string): void {
    this.answered = false;
    this.#ended = false;
    this.#reusable = false;
    this.#method = method;
    this.#outbox.text(head);
  }

  text(latin1: string): void {
    this.#outbox.text(latin1);
  }

  bytes(piece: Buffer): void {
    this.#outbox.bytes(piece);
  }

  flush(): void {
    this.#outbox.flush();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  /** Between two exchanges; `onClose` is called when the tenant ends the connection meanwhile. */
  rest(onClose: () => void): void {
    this.resume();
    this.#state = { kind: "idle", onClose };
  }

  /** Out of its rest, for the next exchange. */
  serve(user: UpstreamUser): void {
    this.#state = { kind: "busy", user };
  }

  /** From now on bytes pass as they are, both ways. */
  tunnel(user: RawUser): void {
    this.#state = { kind: "tunnel", user };
  }

  /** Sends no more, once the backlog is gone; the tenant still may. */
  shutdown(): void {
    this.#outbox.flush();
    this.#shutdownDue = true;
    if (!this.backlogged) this.#socket?.shutdown();
  }

  /** Ends the connection at once; its user hears no more. */
  destroy(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    this.#backlog = [];
    this.#socket?.end();
  }

  #onOpen(socket: TenantSocket): void {
    this.#socket = socket;
    if (this.#state.kind !== "connecting") {
      socket.end();
      return;
    }
    const { user } = this.#state;
    this.#state = { kind: "busy", user };
    user.onOpen();
  }

  #onData(bytes: Buffer): void {
    if (this.#state.kind === "tunnel") {
      this.#state.user.onBytes(bytes);
      return;
    }
    // Nobody asked: an answer to nothing must never reach the next exchange.
    if (this.#state.kind !== "busy" || this.#ended) {
      this.#fail({ kind: "malformed", cause: new Error("bytes after the answer") });
      return;
    }
    this.answered = true;
    try {
      this.#parse(bytes);
    } catch (error) {
      if (!(error instanceof ParseFailure)) throw error;
      this.#fail({ kind: "malformed", cause: error });
    }
  }

  #parse(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0 && this.#state.kind === "busy") {
      const consumed =
        this.#answer === null ? this.#readHead(rest) : this.#body.read(rest, this.#emit);
      rest = rest.subarray(consumed);
      if (this.#answer !== null && this.#body.done) {
        this.#complete({ keepsConnection: this.#answer.keepAlive && rest.length === 0 });
        break;
      }
    }
    if (this.#state.kind === "busy") this.#state.user.onBatch();
    else if (this.#state.kind === "tunnel" && rest.length > 0) this.#state.user.onBytes(rest);
  }

  #readHead(bytes: Buffer): number {
    const consumed = this.#heads.feed(bytes);
    const raw = this.#heads.take();
    if (raw === null) return consumed;
    const head = readAnswerHead(raw, this.#method);
    if (head.status >= 200) {
      this.#answer = head;
      this.#body.begin(head.framing);
    }
    if (this.#state.kind === "busy") this.#state.user.onHead(head);
    return consumed;
  }

  readonly #emit = (piece: Buffer): void => {
    if (this.#state.kind === "busy") this.#state.user.onBody(piece);
  };

  #complete({ keepsConnection }: { keepsConnection: boolean }): void {
    this.#answer = null;
    this.#ended = true;
    this.#reusable = keepsConnection;
    if (this.#state.kind === "busy") this.#state.user.onEnd(this.#body.trailers);
  }

  #onEnd(): void {
    if (this.#state.kind === "tunnel") {
      this.#state.user.onEnd();
      return;
    }
    if (this.#state.kind === "busy" && this.#answer?.framing.kind === "close") {
      const { user } = this.#state;
      this.#complete({ keepsConnection: false });
      user.onBatch();
      this.destroy();
      return;
    }
    this.#fail({ kind: "broken", cause: new Error("the connection ended") });
  }

  #onClose(error: unknown): void {
    this.#fail({ kind: "broken", cause: error ?? new Error("the connection closed") });
  }

  #fail(failure: UpstreamFailure): void {
    const state = this.#state;
    this.destroy();
    switch (state.kind) {
      case "connecting":
      case "busy":
        state.user.onFailure(failure);
        break;
      case "tunnel":
        state.user.onClose();
        break;
      case "idle":
        state.onClose();
        break;
      case "closed":
        break;
    }
  }

  #send(data: string | Buffer): void {
    if (this.#socket === null || this.#state.kind === "closed") return;
    if (this.backlogged) {
      this.#keep(data, 0);
      return;
    }
    const sent =
      typeof data === "string" ? writeLatin1(this.#socket, data) : this.#socket.write(data);
    // Negative: the connection is gone, and its close is about to be told.
    if (sent < 0 || sent >= data.length) return;
    this.#keep(data, sent);
  }

  /** A copy: the memory that the bytes came in is given back as soon as they have been handed on. */
  #keep(data: string | Buffer, from: number): void {
    const rest = typeof data === "string" ? data.slice(from) : data.subarray(from);
    this.#backlog.push(typeof rest === "string" ? Buffer.from(rest, "latin1") : Buffer.from(rest));
  }

  #onDrain(): void {
    while (this.#socket !== null && this.#backlog.length > 0) {
      const [first] = this.#backlog;
      if (first === undefined) break;
      const sent = this.#socket.write(first);
      if (sent < first.length) {
        if (sent > 0) this.#backlog[0] = first.subarray(sent);
        return;
      }
      this.#backlog.shift();
      freePiece(first);
    }
    if (this.#shutdownDue) this.#socket?.shutdown();
    if (this.#state.kind === "busy" || this.#state.kind === "tunnel") this.#state.user.onDrain();
  }
}

/** The runtime takes an encoding; its types don't say so. */
function writeLatin1(socket: TenantSocket, text: string): number {
  return (socket as unknown as { write(data: string, encoding: "latin1"): number }).write(
    text,
    "latin1",
  );
}
