// One connection to a tenant: requests out, answers in, one user at a time.
import { unreachable } from "../../core/assert.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { connect } from "../../platform/connect.ts";
import { ParseFailure } from "../http/parser.ts";
import type { Turns } from "../turns.ts";
import { AnswerReader } from "./answer-reader.ts";
import { Intake } from "./intake.ts";
import { TenantSocket } from "./tenant-socket.ts";
import type { TunnelUser, UpstreamFailure, UpstreamUser } from "./upstream-user.ts";

type State =
  | { readonly kind: "connecting"; readonly user: UpstreamUser }
  | { readonly kind: "busy"; readonly user: UpstreamUser }
  | { readonly kind: "idle"; readonly onClose: () => void }
  | { readonly kind: "tunnel"; readonly user: TunnelUser }
  | { readonly kind: "closed" };

export class Upstream {
  /** The same for all connections that can take each other's place. */
  readonly key: string;
  #state: State;
  readonly #socket = new TenantSocket();
  readonly #answer = new AnswerReader();
  readonly #intake: Intake;
  #idledMs: number | null = null;

  /** Starts connecting; then `onOpen` or `onFailure` of the user is called. */
  constructor(
    endpoint: Endpoint,
    { key, user, turns }: { key: string; user: UpstreamUser; turns: Turns },
  ) {
    this.key = key;
    this.#state = { kind: "connecting", user };
    this.#intake = new Intake(this.#socket, turns, {
      onBytes: (bytes) => this.#take(bytes),
      onBatch: () => this.#onBatch(),
    });
    const handler: Bun.SocketHandler<undefined> = {
      open: (socket) => this.#onOpen(socket),
      data: (_, bytes) => this.#onData(bytes),
      drain: () => this.#onDrain(),
      end: () => this.#intake.end(() => this.#onEnd()),
      close: (_, error) => this.#intake.end(() => this.#onClose(error)),
      error: (_, error) => this.#intake.end(() => this.#onClose(error)),
    };
    connect(endpoint, handler, { allowHalfOpen: true }).catch((cause: unknown) =>
      this.#fail({ kind: "refused", cause }),
    );
  }

  get isOpen(): boolean {
    return this.#state.kind !== "connecting" && this.#state.kind !== "closed";
  }

  /** A byte of the current answer has come. */
  get answered(): boolean {
    return this.#answer.hasBegun;
  }

  /** How long it was idle before the current request; null: it has had no other. */
  get idledMs(): number | null {
    return this.#idledMs;
  }

  /** Something has come, or the tenant has ended it, although no request is under way. */
  get isReadable(): boolean {
    return this.#socket.isReadable;
  }

  /** Bytes wait for the tenant to read. */
  get backlogged(): boolean {
    return this.#socket.backlogged;
  }

  /** Bytes that wait for the tenant to read, and those it has sent that have not been handed on. */
  get heldBytes(): number {
    return this.#socket.backlogBytes + this.#intake.heldBytes;
  }

  /** The answer has ended cleanly, and the tenant takes another request. */
  get reusable(): boolean {
    if (this.#state.kind !== "busy" || this.backlogged || this.#intake.isEnding) return false;
    return this.#answer.keepsConnection;
  }

  /** Begins a request with its complete head. */
  request(method: string, head: string): void {
    this.#answer.expect(method);
    this.#socket.text(head);
  }

  text(latin1: string): void {
    this.#socket.text(latin1);
  }

  bytes(piece: Buffer): void {
    this.#socket.bytes(piece);
  }

  flush(): void {
    this.#socket.flush();
  }

  pause(): void {
    this.#intake.pause();
  }

  resume(): void {
    this.#intake.resume();
  }

  /** Has no user from now on; `onClose` is called when the connection ends meanwhile. */
  becomeIdle(onClose: () => void): void {
    this.resume();
    this.#state = { kind: "idle", onClose };
  }

  /** Has a user again. */
  becomeBusy(user: UpstreamUser, idledMs: number): void {
    this.#idledMs = idledMs;
    this.#state = { kind: "busy", user };
  }

  /** From now on bytes pass as they are, both ways. */
  tunnel(user: TunnelUser): void {
    this.#state = { kind: "tunnel", user };
  }

  /** Sends no more, once the backlog is empty; the tenant still may. */
  shutdown(): void {
    this.#socket.shutdown();
  }

  /** Ends the connection at once; nothing more is reported to its user. */
  destroy(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    this.#intake.drop();
    this.#socket.close();
  }

  #onOpen(socket: Bun.Socket): void {
    this.#socket.open(socket);
    if (this.#state.kind !== "connecting") return;
    const { user } = this.#state;
    this.#state = { kind: "busy", user };
    user.onOpen();
  }

  #onData(bytes: Buffer): void {
    const expectsBytes = this.#state.kind === "busy" && !this.#answer.isComplete;
    if (expectsBytes || this.#state.kind === "tunnel") this.#intake.add(bytes);
    // An answer without a request must never reach the next exchange.
    else this.#fail({ kind: "malformed", cause: new Error("bytes after the answer") });
  }

  /** Hands on the parts of the answer in the bytes; bytes behind a 101 already belong to the tunnel. */
  #take(bytes: Buffer): number {
    if (this.#state.kind === "tunnel") {
      this.#state.user.onTenantBytes(bytes);
      return bytes.length;
    }
    // Behind the end of an answer, they are why the connection is not kept.
    if (this.#state.kind !== "busy" || this.#answer.isComplete) return bytes.length;
    try {
      return this.#answer.read(bytes, this.#state.user);
    } catch (error) {
      if (!(error instanceof ParseFailure)) throw error;
      this.#fail({ kind: "malformed", cause: error });
      return bytes.length;
    }
  }

  #onBatch(): void {
    if (this.#state.kind === "busy") this.#state.user.onBatch();
  }

  #onEnd(): void {
    if (this.#state.kind === "tunnel") {
      this.#state.user.onTenantEnd();
      return;
    }
    if (this.#state.kind === "busy" && this.#answer.endsWithConnection) {
      const { user } = this.#state;
      this.#answer.end(user);
      user.onBatch();
      this.destroy();
      return;
    }
    this.#fail({ kind: "broken", cause: new Error("the connection ended") });
  }

  #onClose(error: unknown): void {
    this.#fail({ kind: "broken", cause: error ?? new Error("the connection closed") });
  }

  #onDrain(): void {
    if (!this.#socket.drain()) return;
    if (this.#state.kind === "busy") this.#state.user.onDrain();
    else if (this.#state.kind === "tunnel") this.#state.user.onTenantDrain();
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
        state.user.onTenantClose();
        break;
      case "idle":
        state.onClose();
        break;
      case "closed":
        break;
      default:
        unreachable(state);
    }
  }
}
