// Follows log lines across a handover of the server: when a stream breaks off, opens the next after its last line.
import { setTimeout as delay } from "node:timers/promises";
import { TenError } from "../../core/errors.ts";
import type { LogAnswer, LogQueryFields } from "../wire/logs.ts";
import { readEvents } from "./event-reader.ts";

/** The content of a log stream: lines, or how many were left out. */
export type LogEvent =
  | { readonly kind: "line"; readonly line: LogAnswer }
  | { readonly kind: "dropped"; readonly count: number };

/** Lines that may have been written between two streams; the most that a query takes. */
const MISSED_LINES_MAX = 10_000;

/** A stream without a line may have been cut at once, as a proxy does that refuses streams. */
const REOPEN_MS = 500;

export interface LogSource {
  /** Opens a stream; rejects when there is no server. */
  readonly open: (query: LogQueryFields) => Promise<Response>;
  readonly query: LogQueryFields;
  readonly signal: AbortSignal;
  /** Waits before the next stream, until the signal is aborted at the latest; left out: for REOPEN_MS. */
  readonly pause?: (signal: AbortSignal) => Promise<void>;
}

/** Ends when the signal is aborted; throws why a stream could not be opened. */
export async function* followLines(source: LogSource): AsyncGenerator<LogEvent, void> {
  const { open, signal, pause = pauseToReopen } = source;
  const position = new Position();
  for (let { query } = source; ; query = position.queryAfter(source.query)) {
    const response = await open(query);
    let isNew = false;
    for await (const { event: type, data } of untilBroken(readEvents(response.body))) {
      const event = toLogEvent(type, data);
      if (event.kind === "line" && !position.advance(event.line)) continue;
      isNew = true;
      yield event;
    }
    if (!isNew) await pause(signal);
    if (signal.aborted) return;
  }
}

async function pauseToReopen(signal: AbortSignal): Promise<void> {
  // Rejects when the signal is aborted, which the caller sees as well.
  await delay(REOPEN_MS, undefined, { signal }).catch(() => undefined);
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
