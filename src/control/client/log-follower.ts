// Follows log lines across a handover of the server: when a stream breaks off, opens the next after its last line.
import { TenError } from "../../core/errors.ts";
import type { LogAnswer, LogQueryFields } from "../wire/logs.ts";
import { readEvents } from "./event-reader.ts";

/** The content of a log stream: lines, or how many were left out. */
export type LogEvent =
  | { readonly kind: "line"; readonly line: LogAnswer }
  | { readonly kind: "dropped"; readonly count: number };

/** Lines that may have been written between two streams; the most that a query takes. */
const MISSED_LINES_MAX = 10_000;

export interface LogSource {
  /** Opens a stream; rejects when there is no server. */
  readonly open: (query: LogQueryFields) => Promise<Response>;
  readonly query: LogQueryFields;
  readonly signal: AbortSignal;
}

/** Ends when the signal is aborted; throws why a stream could not be opened. */
export async function* followLines(source: LogSource): AsyncGenerator<LogEvent, void> {
  const { open, signal } = source;
  const position = new Position();
  for (let { query } = source; ; query = position.queryAfter(source.query)) {
    const response = await open(query);
    for await (const { event: type, data } of untilBroken(readEvents(response.body))) {
      const event = toLogEvent(type, data);
      if (event.kind === "dropped" || position.advance(event.line)) yield event;
    }
    if (signal.aborted) return;
  }
}

/** A server that stops ends its streams, or cuts them: the next attempt shows whether there is another. */
async function* untilBroken<Event>(events: AsyncIterable<Event>): AsyncGenerator<Event, void> {
  try {
    yield* events;
  } catch (thrown) {
    if (thrown instanceof TenError) throw thrown;
  }
}

function toLogEvent(type: string | undefined, data: string): LogEvent {
  const value: unknown = JSON.parse(data);
  if (type === "dropped") return { kind: "dropped", count: (value as { count: number }).count };
  return { kind: "line", line: value as LogAnswer };
}

/** The reader's position: the moment of the latest line, and the number of lines read of that moment. */
class Position {
  #moment: string | null = null;
  #count = 0;
  /** Lines of that moment that the next stream repeats. */
  #repeated = 0;

  /** False: the line is a repetition. */
  advance({ timestamp }: LogAnswer): boolean {
    if (timestamp !== this.#moment) {
      this.#moment = timestamp;
      this.#count = 0;
      this.#repeated = 0;
    }
    if (this.#repeated > 0) {
      this.#repeated -= 1;
      return false;
    }
    this.#count += 1;
    return true;
  }

  queryAfter(query: LogQueryFields): LogQueryFields {
    this.#repeated = this.#count;
    if (this.#moment === null) return { ...query, limit: undefined };
    return { ...query, since: this.#moment, limit: String(MISSED_LINES_MAX) };
  }
}
