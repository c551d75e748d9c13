// Standard output and error: every byte in order, without blocking the event loop, and with errors that can be seen.
// Bun's own streams report a full disk as success, and lose output that a pipe has not taken when the process exits.
import { write } from "node:fs";
import { codeOf } from "./files.ts";

/** A pipe that another program made non-blocking reports a full buffer as an error. */
const RETRY_MS = 5;

type State =
  | { readonly kind: "open" }
  /** The reader has gone: later output is dropped. */
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly error: Error };

export class StandardStream {
  readonly #fd: number;
  readonly #listeners: (() => void)[] = [];
  /** Bounded by the callers: those that print without end await `flushed`. */
  #queue: Buffer[] = [];
  #state: State = { kind: "open" };
  #writing: Promise<void> | null = null;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Calls back once when the reader has gone. */
  onClosed(callback: () => void): void {
    if (this.#state.kind === "closed") callback();
    else this.#listeners.push(callback);
  }

  write(output: string | Uint8Array): void {
    if (this.#state.kind !== "open" || output.length === 0) return;
    this.#queue.push(Buffer.from(output as Uint8Array));
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  /** Resolves when everything is written or the reader has gone; rejects when a write failed. */
  async flushed(): Promise<void> {
    await this.#writing;
    if (this.#state.kind === "failed") throw this.#state.error;
  }

  async #writeAll(): Promise<void> {
    while (this.#state.kind === "open" && this.#queue.length > 0) {
      const batch = Buffer.concat(this.#queue);
      this.#queue = [];
      await this.#writeWhole(batch);
    }
  }

  async #writeWhole(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && this.#state.kind === "open";) {
      try {
        at += await writeSome(this.#fd, bytes.subarray(at));
      } catch (error) {
        if (codeOf(error) === "EAGAIN") await Bun.sleep(RETRY_MS);
        else this.#fail(error as Error);
      }
    }
  }

  #fail(error: Error): void {
    this.#queue = [];
    const isClosed = codeOf(error) === "EPIPE";
    this.#state = isClosed ? { kind: "closed" } : { kind: "failed", error };
    if (isClosed) for (const listener of this.#listeners) listener();
  }
}

function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, null, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}
