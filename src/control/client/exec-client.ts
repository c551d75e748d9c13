// Runs a command inside an instance over a WebSocket: its streams, its signals, its exit code.
import { closeSync, constants, openSync } from "node:fs";
import { unreachable } from "../../core/assert.ts";
import { TenError } from "../../core/errors.ts";
import { endpointOf } from "../wire/endpoints.ts";
import type { ExecEvent, ExecMessage, ExecStart } from "../wire/exec.ts";
import { PIECE_BYTES_MAX, STDERR_MARK, WINDOW_BYTES } from "../wire/exec-frames.ts";
import { RemoteError, type ServerAddress, send } from "./transport.ts";

/** open(2): names a file without opening it. Node has no constant for it. */
const O_PATH = 0o10000000;

/** The client's side of the command. */
export interface ExecStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolve once the bytes are written. */
  output(bytes: Uint8Array): Promise<void>;
  error(bytes: Uint8Array): Promise<void>;
  /** Gets the way to tell the command of signals and of the terminal's size. */
  onStarted(tell: (message: ExecMessage) => void): void;
}

export interface ExecOutcome {
  readonly code: number;
  /** Why the server ended it; null: it did not. */
  readonly reason: string | null;
}

interface ExecOrder {
  readonly ref: string;
  readonly start: Omit<ExecStart, "kind">;
}

/** Throws the server's refusal, or SERVER_UNREACHABLE. Aborted, it ends the command with the connection. */
export async function runExec(
  server: ServerAddress,
  { ref, start }: ExecOrder,
  { streams, signal }: { streams: ExecStreams; signal: AbortSignal },
): Promise<ExecOutcome> {
  const path = endpointOf("execInstance").path.replace("{ref}", encodeURIComponent(ref));
  const socket = await connect(server, path);
  const abort = () => socket.close();
  signal.addEventListener("abort", abort);
  try {
    return await new ExecConnection(socket, streams).run({ kind: "start", ...start });
  } finally {
    signal.removeEventListener("abort", abort);
    socket.close();
  }
}

/** A failed handshake has no reason, so the same path is asked for it without one. */
async function connect(server: ServerAddress, path: string): Promise<WebSocket> {
  for (let attempts = 0; ; attempts++) {
    const socket = await open(server, path);
    if (socket !== null) return socket;
    try {
      await send(server, { method: "GET", path });
    } catch (thrown) {
      const isWilling = thrown instanceof TenError && thrown.code === "UPGRADE_REQUIRED";
      if (!isWilling || attempts > 0) throw isWilling ? gone() : thrown;
    }
  }
}

/** Null: refused, or nobody is there. */
async function open(server: ServerAddress, path: string): Promise<WebSocket | null> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const named = server.kind === "unix" ? nameSocket(server.path) : null;
  try {
    const socket = new WebSocket(urlOf(server, named, path), optionsOf(server));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(true);
    socket.onerror = socket.onclose = () => resolve(false);
    return (await promise) ? socket : null;
  } catch {
    return null;
  } finally {
    if (named?.fd != null) closeSync(named.fd);
  }
}

interface NamedSocket {
  readonly path: string;
  readonly fd: number | null;
}

/** A path that any socket can have does not fit in a URL, but the name of a descriptor does. */
function nameSocket(path: string): NamedSocket {
  if (process.platform !== "linux") return { path, fd: null };
  try {
    const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
    return { path: `/proc/self/fd/${fd}`, fd };
  } catch {
    return { path, fd: null };
  }
}

function urlOf(server: ServerAddress, named: NamedSocket | null, path: string): string {
  if (server.kind === "unix") return `ws+unix://${named?.path}:${path}`;
  return `${server.origin.replace(/^http/, "ws")}${path}`;
}

function optionsOf(server: ServerAddress): string[] {
  const token = server.kind === "http" ? server.token : null;
  // The types know the standard's second argument only.
  return {
    headers: token === null ? {} : { Authorization: `Bearer ${token}` },
  } as unknown as string[];
}

class ExecConnection {
  readonly #socket: WebSocket;
  readonly #streams: ExecStreams;
  readonly #outcome = Promise.withResolvers<ExecOutcome>();
  /** What has arrived is written in its order; the window bounds it. */
  #written = Promise.resolve();
  /** Sent, and not reported as taken. */
  #underWay = 0;
  #onTaken: () => void = () => undefined;

  constructor(socket: WebSocket, streams: ExecStreams) {
    this.#socket = socket;
    this.#streams = streams;
  }

  async run(start: ExecMessage): Promise<ExecOutcome> {
    const { promise, reject } = this.#outcome;
    this.#socket.onclose = () => this.#written.then(() => reject(gone()), reject);
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#tell(start);
    return await promise;
  }

  #receive(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.#hear(JSON.parse(data) as ExecEvent);
    else this.#pass(data);
  }

  #pass(data: ArrayBuffer): void {
    const [mark] = new Uint8Array(data, 0, 1);
    const bytes = new Uint8Array(data, 1);
    this.#written = this.#written
      .then(() => (mark === STDERR_MARK ? this.#streams.error(bytes) : this.#streams.output(bytes)))
      .then(() => this.#tell({ kind: "taken", bytes: bytes.length }));
    this.#written.catch(this.#outcome.reject);
  }

  #hear(event: ExecEvent): void {
    const { reject, resolve } = this.#outcome;
    switch (event.kind) {
      case "started":
        this.#streams.onStarted((message) => this.#tell(message));
        this.#sendInput().catch(reject);
        break;
      case "taken":
        this.#underWay -= event.bytes;
        this.#onTaken();
        break;
      case "exit":
        this.#written.then(() => resolve({ code: event.code, reason: event.reason }), reject);
        break;
      case "refused":
        reject(new RemoteError(event.status, event.answer));
        break;
      default:
        unreachable(event);
    }
  }

  async #sendInput(): Promise<void> {
    for await (const chunk of this.#streams.input) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES_MAX) {
        await this.#sendPiece(chunk.subarray(at, at + PIECE_BYTES_MAX));
      }
    }
    this.#tell({ kind: "end" });
  }

  async #sendPiece(piece: Uint8Array): Promise<void> {
    while (this.#underWay + piece.length > WINDOW_BYTES) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onTaken = resolve;
      await promise;
    }
    this.#underWay += piece.length;
    this.#socket.send(new Uint8Array(piece));
  }

  #tell(message: ExecMessage): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

function gone(): TenError {
  return new TenError(
    "SERVER_UNREACHABLE",
    "Cannot follow the command to its end: the server went away",
    {
      hint: "The command has been ended. See that ten serve runs, and run it again",
    },
  );
}
