// Follows log lines over the change from one server to the next: where one stream breaks off, another goes on.
import type { LogAnswer, LogQueryFields } from "../wire/logs.ts";
import { readEvents } from "./event-reader.ts";

/** What a log stream brings: lines, or how many were left out. */
export type LogEvent =
  | { readonly kind: "line"; readonly line: LogAnswer }
  | { readonly kind: "dropped"; readonly count: number };

type Query = Partial<LogQueryFields>;

/** What may have been written between two streams; the most that a query takes. */
const MISSED_LINES_MAX = 10_000;

export interface LogSource {
  /** Opens a stream; rejects when there is no server. */
  readonly open: (query: Query) => Promise<Response>;
  readonly query: Query;
  readonly signal: AbortSignal;
}

/** Ends when the signal is aborted; throws what a stream could not be opened for. */
export async function* followLines(source: LogSource): AsyncGenerator<LogEvent, void> {
  const { open, signal } = source;
  const place = new Place();
  for (let { query } = source; ; query = place.goOn(source.query)) {
    const response = await open(query);
    for await (const { type, data } of untilBroken(readEvents(response.body, signal))) {
      const event = readEvent(type, data);
      if (event.kind === "dropped" || place.isNew(event.line)) yield event;
    }
    if (signal.aborted) return;
  }
}

/** A server that goes ends its streams, or cuts them: the next attempt tells whether there is another. */
async function* untilBroken<Event>(events: AsyncIterable<Event>): AsyncGenerator<Event, void> {
  try {
    yield* events;
  } catch {
    // Nothing more comes.
  }
}

function readEvent(type: string, data: string): LogEvent {
  const value: unknown = JSON.parse(data);
  if (type === "dropped") return { kind: "dropped", count: (value as { count: number }).count };
  return { kind: "line", line: value as LogAnswer };
}

/** How far the reader has come: the moment of the latest line, and how many lines of that moment there were. */
class Place {
  #moment: string | null = null;
  #count = 0;
  /** Lines of that moment that come again. */
  #known = 0;

  isNew({ timestamp }: LogAnswer): boolean {
    if (timestamp !== this.#moment) {
      this.#moment = timestamp;
      this.#count = 0;
      this.#known = 0;
    }
    if (this.#known > 0) {
      this.#known -= 1;
      return false;
    }
    this.#count += 1;
    return true;
  }

  /** The query for what comes after. */
  goOn(query: Query): Query {
    this.#known = this.#count;
    if (this.#moment === null) return { ...query, limit: undefined };
    return { ...query, since: this.#moment, limit: String(MISSED_LINES_MAX) };
  }
}
