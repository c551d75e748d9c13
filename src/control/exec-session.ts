// The server's side of a command inside an instance: its streams and signals over a WebSocket.
import { unreachable } from "../core/assert.ts";
import { messageOf, TenError } from "../core/errors.ts";
import type { Exec } from "../supervisor/administration.ts";
import { type ExecEvent, type ExecMessage, type ExecStart, execRequest } from "./wire/exec.ts";
import { PIECE_BYTES_MAX, STDERR_MARK, STDOUT_MARK, WINDOW_BYTES } from "./wire/exec-frames.ts";
import type { SocketPeer, SocketSession } from "./wire/operation.ts";
import { checkFields, errorAnswerOf } from "./wire/wire.ts";

interface ExecSessionParts {
  /** Throws a TenError to refuse. */
  readonly start: (order: ExecStart) => Promise<Exec>;
  /** Receives unexpected errors. */
  readonly report: (error: unknown) => void;
}

type State =
  | { readonly kind: "waiting" }
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly exec: Exec }
  | { readonly kind: "closed" };

export class ExecSession implements SocketSession {
  readonly #parts: ExecSessionParts;
  readonly #readers = new Set<{ cancel(): Promise<unknown> }>();
  #peer: SocketPeer | null = null;
  #state: State = { kind: "waiting" };
  /** Sent, and not reported as taken. */
  #underWay = 0;
  /** Resolves when some of that has been taken, or the connection has ended. */
  #room = Promise.withResolvers<void>();
  /** Received, and not taken by the command. */
  #waitingInput = 0;

  constructor(parts: ExecSessionParts) {
    this.#parts = parts;
  }

  open(peer: SocketPeer): void {
    this.#peer = peer;
  }

  message(message: string | Uint8Array): void {
    try {
      if (typeof message === "string") this.#obey(readMessage(message));
      else this.#input(message);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  closed(): void {
    const { exec = null } = this.#state.kind === "running" ? this.#state : {};
    this.#state = { kind: "closed" };
    exec?.end();
    for (const reader of this.#readers) reader.cancel().catch(() => undefined);
    this.#room.resolve();
  }

  #obey(message: ExecMessage): void {
    switch (message.kind) {
      case "start":
        this.#begin(message);
        break;
      case "taken":
        this.#taken(message.bytes);
        break;
      case "end":
        this.#running()?.endInput();
        break;
      case "resize":
        this.#running()?.resize(message.size);
        break;
      case "signal":
        this.#running()?.signal(message.signal);
        break;
      default:
        unreachable(message);
    }
  }

  #begin(order: ExecStart): void {
    if (this.#state.kind !== "waiting") throw misuse("a command has begun already");
    this.#state = { kind: "starting" };
    this.#parts
      .start(order)
      .then((exec) => this.#run(exec))
      .catch((thrown: unknown) => this.#refuse(thrown));
  }

  async #run(exec: Exec): Promise<void> {
    if (this.#state.kind !== "starting") return exec.end();
    this.#state = { kind: "running", exec };
    this.#tell({ kind: "started" });
    const pumps = [this.#pump(exec.stdout, STDOUT_MARK), this.#pump(exec.stderr, STDERR_MARK)];
    const [end] = await Promise.all([exec.ended, ...pumps]);
    this.#tell({ kind: "exit", code: end.code, reason: end.reason });
    this.#peer?.close();
  }

  async #pump(stream: ReadableStream<Uint8Array>, mark: number): Promise<void> {
    const reader = stream.getReader();
    this.#readers.add(reader);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let at = 0; at < value.length; at += PIECE_BYTES_MAX) {
        await this.#sendPiece(value.subarray(at, at + PIECE_BYTES_MAX), mark);
      }
    }
    this.#readers.delete(reader);
  }

  async #sendPiece(piece: Uint8Array, mark: number): Promise<void> {
    while (this.#state.kind === "running" && this.#underWay + piece.length > WINDOW_BYTES) {
      await this.#room.promise;
    }
    if (this.#state.kind !== "running") return;
    this.#underWay += piece.length;
    this.#peer?.send(Buffer.concat([Uint8Array.of(mark), piece]));
  }

  #taken(bytes: number): void {
    this.#underWay = Math.max(0, this.#underWay - bytes);
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  #input(bytes: Uint8Array): void {
    const exec = this.#running();
    this.#waitingInput += bytes.length;
    if (this.#waitingInput > WINDOW_BYTES) throw misuse(`over ${WINDOW_BYTES} bytes are under way`);
    exec
      ?.write(bytes)
      .then(() => {
        this.#waitingInput -= bytes.length;
        this.#tell({ kind: "taken", bytes: bytes.length });
      })
      .catch((thrown: unknown) => this.#refuse(thrown));
  }

  /** Null: the connection ends. */
  #running(): Exec | null {
    switch (this.#state.kind) {
      case "running":
        return this.#state.exec;
      case "closed":
        return null;
      case "waiting":
      case "starting":
        throw misuse("no command has started yet");
      default:
        return unreachable(this.#state);
    }
  }

  #tell(event: ExecEvent): void {
    if (this.#state.kind !== "closed") this.#peer?.send(JSON.stringify(event));
  }

  #refuse(thrown: unknown): void {
    if (!(thrown instanceof TenError)) this.#parts.report(thrown);
    const fault = new TenError("FAILED", "Cannot run the command: a fault in the server");
    const error = thrown instanceof TenError ? thrown : fault;
    this.#tell({ kind: "refused", status: error.status, answer: errorAnswerOf(error) });
    this.#peer?.close();
    this.closed();
  }
}

function readMessage(text: string): ExecMessage {
  try {
    return checkFields(execRequest, JSON.parse(text));
  } catch (thrown) {
    if (thrown instanceof TenError) throw thrown;
    throw misuse(messageOf(thrown));
  }
}

function misuse(reason: string): TenError {
  return new TenError("REQUEST_INVALID", `Cannot use a message of the client: ${reason}`);
}
