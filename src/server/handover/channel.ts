// A channel of JSON lines between two processes, over a pair of sockets of which the other process inherits one.
import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { posixCalls } from "../../platform/kernel/libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;

export interface SocketPair {
  readonly own: number;
  readonly other: number;
}

/** Two connected Unix sockets (socketpair(2)), as descriptors. Throws an Error when no descriptor is free. */
export function openSocketPair(): SocketPair {
  const descriptors = new Int32Array(2);
  const failed = posixCalls()?.socketpair(AF_UNIX, SOCK_STREAM, 0, ptr(descriptors)) !== 0;
  const [own, other] = descriptors;
  if (failed || own === undefined || other === undefined) throw new Error("no descriptor is free");
  return { own, other };
}

/** Ends with either process. Bun's own channel reaches only a direct child; this one reaches any descendant. */
export class Channel<In, Out> {
  readonly #onMessage: (message: In) => void;
  readonly #ended = Promise.withResolvers<void>();
  #socket: Bun.Socket | null = null;
  #received = "";
  /** Not yet accepted by the system. */
  #pending = Buffer.alloc(0);
  #flushed = Promise.withResolvers<void>();

  private constructor(onMessage: (message: In) => void) {
    this.#onMessage = onMessage;
  }

  /** @param fd a connected socket, owned by the channel from now on, and closed when this rejects */
  static async open<In, Out>(
    fd: number,
    onMessage: (message: In) => void,
  ): Promise<Channel<In, Out>> {
    const channel = new Channel<In, Out>(onMessage);
    const decoder = new TextDecoder();
    const socket: Bun.SocketHandler = {
      data: (_, bytes) => channel.#take(decoder.decode(bytes, { stream: true })),
      drain: () => channel.#flush(),
      close: () => channel.#ended.resolve(),
      error: () => channel.#ended.resolve(),
    };
    // Bun accepts a descriptor, but its types omit it.
    const options = { fd, socket } as unknown as Bun.UnixSocketOptions<undefined>;
    channel.#socket = await Bun.connect(options).catch((error: unknown) => {
      closeSync(fd);
      throw error;
    });
    return channel;
  }

  /** Resolves when the other process has ended, or this end is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the system has accepted the message, or the channel has ended. */
  send(message: Out): Promise<void> {
    if (this.#pending.length === 0) this.#flushed = Promise.withResolvers<void>();
    this.#pending = Buffer.concat([this.#pending, Buffer.from(`${JSON.stringify(message)}\n`)]);
    this.#flush();
    return Promise.race([this.#flushed.promise, this.ended]);
  }

  close(): void {
    this.#socket?.end();
  }

  /** Ends at once, also where the other process does not read. */
  abort(): void {
    this.#socket?.terminate();
    this.#ended.resolve();
  }

  #flush(): void {
    const written = this.#socket?.write(this.#pending) ?? 0;
    this.#pending = this.#pending.subarray(Math.max(0, written));
    if (this.#pending.length === 0) this.#flushed.resolve();
  }

  #take(text: string): void {
    const lines = (this.#received + text).split("\n");
    this.#received = lines.pop() ?? "";
    for (const line of lines) this.#onMessage(JSON.parse(line) as In);
  }
}
