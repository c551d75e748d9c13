// The state of a client connection whose last answer is out: later bytes are dropped.
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";

/** As in nginx: a slow upload may take that long, since closing on unread bytes destroys the answer. */
const LINGER_MS_MAX = 30_000;

/** As in nginx: a client that sends nothing for that long has had its answer. */
const SILENCE_MS_MAX = 5000;

/** A client that takes nothing of the answer for that long is gone. */
const STALL_MS_MAX = 60_000;

export class Lingering implements ConnectionState {
  readonly #connection: StatefulConnection;
  /** Bytes of the answer that the system has not taken. */
  #queued: number;
  #writtenAt: number;
  #receivedAt: number;

  constructor(connection: StatefulConnection) {
    this.#connection = connection;
    connection.inbox.drain();
    connection.socket.end();
    connection.socket.resume();
    this.#queued = connection.socket.writableLength;
    this.#writtenAt = connection.context.clock.now();
    this.#receivedAt = this.#writtenAt;
  }

  onData(): void {
    this.#receivedAt = this.#connection.context.clock.now();
  }

  sweep(now: number): void {
    const { socket } = this.#connection;
    if (socket.writableLength !== this.#queued) {
      this.#queued = socket.writableLength;
      this.#writtenAt = now;
    }
    if (this.#isOver(now)) socket.destroy();
  }

  #isOver(now: number): boolean {
    const lingeredMs = now - this.#writtenAt;
    if (this.#queued > 0) return lingeredMs >= STALL_MS_MAX;
    const silentMs = now - Math.max(this.#writtenAt, this.#receivedAt);
    return lingeredMs >= LINGER_MS_MAX || silentMs >= SILENCE_MS_MAX;
  }
}
