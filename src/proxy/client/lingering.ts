// The state of a client connection whose last answer is out: what still comes is dropped.
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";

/** The rest of a refused request is read for so long: closing on unread bytes destroys the answer. */
const LINGER_MS_MAX = 5000;

export class Lingering implements ConnectionState {
  readonly #connection: StatefulConnection;
  readonly #until: number;

  constructor(connection: StatefulConnection) {
    this.#connection = connection;
    this.#until = connection.context.clock.now() + LINGER_MS_MAX;
    connection.inbox.drain();
    connection.socket.end();
    connection.socket.resume();
  }

  sweep(now: number): void {
    if (now >= this.#until) this.#connection.socket.destroy();
  }
}
