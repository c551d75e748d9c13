// Sends server-sent events: open streams, their heartbeats, and dropped events of slow readers.
import { type Caller, callerName } from "../core/access.ts";
import type { Clock } from "../platform/clock.ts";
import { Shares, STREAM_SHARES } from "./shares.ts";

/** Buffered for a slow reader: about a second of the most that a follower receives. */
const BUFFER_BYTES_MAX = 1024 * 1024;

/** Common proxies close a connection after a minute of silence. */
const HEARTBEAT_MS = 15_000;

const encoder = new TextEncoder();

/** The side of a stream that the source writes to. */
export interface EventSink {
  /** Sends one event; counts it as dropped while the buffer is full. */
  send(data: unknown): void;
  /** Sends one event beyond the limit of the buffer: the outcome, which is not to be dropped. */
  sendOutcome(data: unknown): void;
  end(): void;
}

/** Starts to send; the returned function stops. */
export type EventSource = (sink: EventSink) => () => void;

export class EventStreams {
  readonly #clock: Clock;
  readonly #open = new Set<EventStream>();
  readonly #shares = new Shares(STREAM_SHARES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Answers with events until the reader leaves or the server closes. Throws RATE_LIMITED for one stream too many. */
  answer(caller: Caller, source: EventSource): Response {
    const giveBack = this.#shares.take(caller);
    const stream = new EventStream({
      caller,
      source,
      clock: this.#clock,
      onEnd: () => {
        this.#open.delete(stream);
        giveBack();
      },
    });
    this.#open.add(stream);
    return new Response(stream.body, {
      headers: {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
      },
    });
  }

  /** Throws RATE_LIMITED for one stream too many; called before a change begins whose progress a stream reports. */
  refuseSurplus(caller: Caller): void {
    this.#shares.refuseSurplus(caller);
  }

  /** Ends the streams of one caller. */
  endOf(name: string): void {
    for (const stream of this.#open) if (callerName(stream.caller) === name) stream.end();
  }

  endAll(): void {
    for (const stream of this.#open) stream.end();
  }
}

interface StreamOptions {
  readonly caller: Caller;
  readonly source: EventSource;
  readonly clock: Clock;
  readonly onEnd: () => void;
}

class EventStream implements EventSink {
  readonly caller: Caller;
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: StreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #stopSource: () => void = () => undefined;
  #stopHeartbeat: () => void = () => undefined;
  #dropped = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.caller = options.caller;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => this.#start(controller),
        cancel: () => this.#release(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES_MAX }),
    );
  }

  send(data: unknown): void {
    if (this.#hasRoom()) this.sendOutcome(data);
    else this.#dropped += 1;
  }

  sendOutcome(data: unknown): void {
    this.#reportDropped();
    this.#write(`data: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    const controller = this.#controller;
    this.#release();
    controller?.close();
  }

  #start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    // Without a first byte the head of the answer would be held back.
    this.#write(": open\n\n");
    this.#stopSource = this.#options.source(this);
    this.#scheduleHeartbeat();
  }

  #scheduleHeartbeat(): void {
    this.#stopHeartbeat = this.#options.clock.after(HEARTBEAT_MS, () => {
      if (this.#hasRoom()) {
        this.#reportDropped();
        this.#write(": alive\n\n");
      }
      this.#scheduleHeartbeat();
    });
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    this.#write(`event: dropped\ndata: ${JSON.stringify({ count: this.#dropped })}\n\n`);
    this.#dropped = 0;
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #write(text: string): void {
    this.#controller?.enqueue(encoder.encode(text));
  }

  #release(): void {
    if (this.#controller === null) return;
    this.#controller = null;
    this.#stopSource();
    this.#stopHeartbeat();
    this.#options.onEnd();
  }
}
