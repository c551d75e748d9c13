// The socket of a connection to a tenant: gathers and queues bytes, and shuts down once all are sent.
import { isReadable } from "../../platform/kernel/readable.ts";
import { freeBuffer, Outbox } from "../http/outbox.ts";

type State =
  | { readonly kind: "unopened" }
  | { readonly kind: "open"; readonly socket: Bun.Socket }
  /** The sending side is shut down as soon as the backlog is empty. */
  | { readonly kind: "ending"; readonly socket: Bun.Socket }
  | { readonly kind: "closed" };

export class TenantSocket {
  #state: State = { kind: "unopened" };
  /** Bounded by its users: while it holds anything, they take no more from the client. */
  #backlog: Buffer[] = [];
  readonly #outbox = new Outbox((data) => this.#send(data));

  open(socket: Bun.Socket): void {
    if (this.#state.kind !== "unopened") {
      socket.end();
      return;
    }
    this.#state = { kind: "open", socket };
  }

  /** Bytes wait for the tenant to read. */
  get backlogged(): boolean {
    return this.#backlog.length > 0;
  }

  get backlogBytes(): number {
    return this.#backlog.reduce((sum, { length }) => sum + length, 0);
  }

  /** Something has come that the event loop has not reported yet. */
  get isReadable(): boolean {
    return "socket" in this.#state && isReadable(descriptorOf(this.#state.socket));
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
    if ("socket" in this.#state) this.#state.socket.pause();
  }

  resume(): void {
    if ("socket" in this.#state) this.#state.socket.resume();
  }

  /** Sends no more, once the backlog is empty; the tenant still may. */
  shutdown(): void {
    this.#outbox.flush();
    if (this.#state.kind !== "open") return;
    const { socket } = this.#state;
    this.#state = { kind: "ending", socket };
    if (!this.backlogged) socket.shutdown();
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#backlog = [];
    if ("socket" in state) state.socket.end();
  }

  /** Sends the backlog as far as the system takes it. False: some of it is left. */
  drain(): boolean {
    if (!("socket" in this.#state)) return true;
    const { socket } = this.#state;
    for (let first = this.#backlog[0]; first !== undefined; first = this.#backlog[0]) {
      const sent = socket.write(first);
      if (sent < first.length) {
        if (sent > 0) this.#backlog[0] = first.subarray(sent);
        return false;
      }
      this.#backlog.shift();
      freeBuffer(first);
    }
    if (this.#state.kind === "ending") socket.shutdown();
    return true;
  }

  #send(data: string | Buffer): void {
    if (!("socket" in this.#state)) return;
    if (this.backlogged) {
      this.#keep(data, 0);
      return;
    }
    const { socket } = this.#state;
    const sent = typeof data === "string" ? writeLatin1(socket, data) : socket.write(data);
    // Negative: the connection is gone, and its close is about to be reported.
    if (sent >= 0 && sent < data.length) this.#keep(data, sent);
  }

  /** Copies, since the memory that the bytes came in is freed as soon as they have been handed on. */
  #keep(data: string | Buffer, from: number): void {
    const rest = typeof data === "string" ? data.slice(from) : data.subarray(from);
    this.#backlog.push(typeof rest === "string" ? Buffer.from(rest, "latin1") : Buffer.from(rest));
  }
}

/** The runtime has it, which its types omit. */
function descriptorOf(socket: Bun.Socket): number {
  return (socket as unknown as { readonly fd: number }).fd;
}

/** The runtime takes an encoding, which its types omit. */
function writeLatin1(socket: Bun.Socket, text: string): number {
  return (socket as unknown as { write(data: string, encoding: "latin1"): number }).write(
    text,
    "latin1",
  );
}
