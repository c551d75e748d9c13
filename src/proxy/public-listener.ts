// One public listening socket: opened on an address or a descriptor, paused while there is no room, and passed on.
import { closeSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { messageOf, TenError } from "../core/errors.ts";
import { codeOf } from "../platform/files.ts";
import { descriptorOf, duplicate } from "../platform/kernel/descriptors.ts";

export type ListenPlace =
  { readonly host: string; readonly port: number } | { readonly fd: number };

export const ACCEPTING = { allowHalfOpen: true, noDelay: true };

export class PublicListener {
  readonly #onSocket: (socket: Socket) => void;
  /** Null: paused or closed. New connections wait with the system meanwhile, since `#kept` is still open. */
  #server: Server | null = null;
  /** A second descriptor of the socket; null where there is none, and the listener can't be paused. */
  #kept: number | null = null;
  #port = 0;

  private constructor(onSocket: (socket: Socket) => void) {
    this.#onSocket = onSocket;
  }

  /** Throws LISTEN_FAILED naming the place. */
  static async open(
    place: ListenPlace,
    onSocket: (socket: Socket) => void,
  ): Promise<PublicListener> {
    const listener = new PublicListener(onSocket);
    try {
      await listener.#listen(place);
    } catch (error) {
      throw listenFailed(place, error);
    }
    listener.#kept = duplicate(listener.descriptor);
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** For the next server. */
  get descriptor(): number {
    const server = this.#server === null ? null : descriptorOf(this.#server);
    return this.#kept ?? server ?? -1;
  }

  /** Accepts no more until `resume`. */
  pause(): void {
    if (this.#kept === null) return;
    this.#server?.close();
    this.#server = null;
  }

  /** Accepts again, if there is a descriptor for it. */
  resume(): void {
    if (this.#server !== null || this.#kept === null) return;
    const fd = duplicate(this.#kept);
    if (fd !== null) this.#listen({ fd }).catch(() => this.pause());
  }

  close(): void {
    this.#server?.close();
    this.#server = null;
    if (this.#kept !== null) closeSync(this.#kept);
    this.#kept = null;
  }

  async #listen(place: ListenPlace): Promise<void> {
    const server = createServer(ACCEPTING, this.#onSocket);
    this.#server = server;
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject);
    server.listen(place, listening.resolve);
    await listening.promise;
    const address = server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }
}

function listenFailed(place: ListenPlace, error: unknown): TenError {
  const code = codeOf(error) ?? "";
  const named = "fd" in place ? `descriptor ${place.fd}` : `${place.host} port ${place.port}`;
  return new TenError(
    "LISTEN_FAILED",
    `Cannot listen on "${named}": ${REASONS[code] ?? messageOf(error)}`,
    {
      ...(HINTS[code] === undefined ? {} : { hint: HINTS[code] }),
      cause: error,
    },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EACCES: "this user may not open that port",
  EADDRNOTAVAIL: "this machine does not have that address",
};

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "Stop that program, or choose another port with --port",
  EACCES: "Choose a port above 1023, or grant the capability CAP_NET_BIND_SERVICE",
  EADDRNOTAVAIL: "Choose an address of this machine with --bind",
};
