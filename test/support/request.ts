// Requests with any Host header to a server under test, at the loopback address.
import { type Agent, type IncomingMessage, request } from "node:http";

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** The connection pool; by default each request has its own connection. */
  readonly agent?: Agent;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** Throws when the body is not JSON. */
  json<Shape>(): Shape;
}

export interface Address {
  readonly port: number;
  /** The value of the Host header. */
  readonly host: string;
  readonly path: string;
}

/** Sends a request and reads the whole response. */
export async function fetchReply(address: Address, options: RequestOptions = {}): Promise<Reply> {
  const response = await openResponse(address, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: () => JSON.parse(text),
  };
}

/** Sends a request; resolves with the head of the response, whose body is still to be read. */
export function openResponse(
  { port, host, path }: Address,
  { body, headers, ...options }: RequestOptions = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(
    {
      host: "127.0.0.1",
      port,
      path,
      agent: false,
      headers: { ...headers, Host: host },
      ...options,
    },
    resolve,
  );
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** The data of each server-sent event, as they arrive. */
export async function* readEvents(response: IncomingMessage): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of response) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data !== undefined) yield data;
    }
  }
}

/** A WebSocket client whose messages can be awaited one by one. */
export class SocketClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #messages: unknown[] = [];
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<CloseEvent>();
  #wanted: PromiseWithResolvers<unknown> | null = null;

  constructor({ port, host, path }: Address) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { Host: host } });
    this.#socket.binaryType = "nodebuffer";
    this.#socket.onopen = () => this.#opened.resolve();
    this.#socket.onmessage = ({ data }) => this.#accept(data);
    this.#socket.onclose = (event) => {
      this.#closed.resolve(event);
      this.#wanted?.reject(new Error(`The WebSocket closed with code ${event.code}`));
    };
  }

  /** The next message: a text, or a Buffer for a binary frame. Rejects when the connection closes first. */
  next(): Promise<unknown> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    this.#wanted = Promise.withResolvers<unknown>();
    return this.#wanted.promise;
  }

  /** Sends once the connection is open. */
  send(message: string | Buffer): void {
    void this.#opened.promise.then(() => this.#socket.send(message));
  }

  /** Resolves with the close code, whichever side closed. */
  async closed(): Promise<number> {
    return (await this.#closed.promise).code;
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed();
  }

  #accept(message: unknown): void {
    if (this.#wanted === null) this.#messages.push(message);
    else this.#wanted.resolve(message);
    this.#wanted = null;
  }
}
