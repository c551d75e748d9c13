// Handlers for logs: search, and follow as instances write.
import { TenError } from "../../core/errors.ts";
import { formatRef } from "../../core/ref.ts";
import type { LogFilter, LogLine } from "../../logs/line.ts";
import type { Call } from "../call.ts";
import type { EventSink } from "../event-stream.ts";
import { type LogAnswer, type LogQuery, parseSince } from "../wire/logs.ts";

const LIMIT_DEFAULT = 100;

interface Selection {
  readonly filter: LogFilter;
  readonly limit: number | undefined;
}

export async function searchLogs(call: Call<LogQuery>): Promise<LogAnswer[]> {
  const { filter, limit = LIMIT_DEFAULT } = readSelection(call);
  const lines = await call.world.logs.query(filter, limit);
  return lines.map(describeLine);
}

/** Sends new lines; with `limit`, after that many older lines. */
export function followLogs(call: Call<LogQuery>): Response {
  const selection = readSelection(call);
  return call.world.streams.answer(call.caller, (sink) => sendLines(call, { selection, sink }));
}

/**
 * Follows before it searches, so that no line is missed between the two; lines of both are sent once.
 * @returns stops to follow
 */
function sendLines(
  { world: { logs, clock } }: Call,
  { selection: { filter, limit }, sink }: { selection: Selection; sink: EventSink },
): () => void {
  const send = (lines: readonly LogLine[]) => {
    for (const line of lines) sink.send(describeLine(line));
  };
  if (limit === undefined) return logs.follow(filter, send);
  const since = clock.wall();
  const held = new HeldLines();
  const stop = logs.follow(filter, (lines) => send(held.hold(lines)));
  const release = (lines: readonly LogLine[]) => {
    send(lines);
    send(held.release(lines.filter(({ at }) => at >= since)));
  };
  logs.query(filter, limit).then(release, () => release([]));
  return stop;
}

/** Held during the search, which ends within a second or two; of more lines the oldest are dropped. */
const HELD_LINES_MAX = 10_000;

/** Holds new lines until the old ones are sent, and leaves out lines that were among those. */
class HeldLines {
  #held: LogLine[] | null = [];
  readonly #sent = new Map<string, number>();

  hold(lines: readonly LogLine[]): readonly LogLine[] {
    if (this.#held === null) return this.#withoutSent(lines);
    this.#held = [...this.#held, ...lines].slice(-HELD_LINES_MAX);
    return [];
  }

  /** @param sent lines of the search that the follower may have received as well */
  release(sent: readonly LogLine[]): readonly LogLine[] {
    for (const line of sent) {
      const key = keyOf(line);
      this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1);
    }
    const held = this.#held ?? [];
    this.#held = null;
    return this.#withoutSent(held);
  }

  #withoutSent(lines: readonly LogLine[]): readonly LogLine[] {
    if (this.#sent.size === 0) return lines;
    return lines.filter((line) => {
      const count = this.#sent.get(keyOf(line)) ?? 0;
      if (count > 1) this.#sent.set(keyOf(line), count - 1);
      else this.#sent.delete(keyOf(line));
      return count === 0;
    });
  }
}

function keyOf({ at, ref, stream, text }: LogLine): string {
  return `${at} ${formatRef(ref)} ${stream} ${text}`;
}

function readSelection(call: Call<LogQuery>): Selection {
  const { process: service, level, search, since, limit, ...query } = call.query;
  const id = scopeId(call, query.id);
  const filter: LogFilter = {
    ...(service === undefined ? {} : { service }),
    ...(id === undefined ? {} : { id }),
    ...(level === undefined ? {} : { stream: level }),
    ...(search === undefined ? {} : { search }),
    ...(since === undefined ? {} : { since: parseSince(since, call.world.clock.wall()) }),
  };
  return { filter, limit };
}

/** A tenant reads only the lines of its own instances. */
function scopeId({ caller }: Call, asked: string | undefined): string | undefined {
  if (caller.kind !== "tenant" || asked === caller.id) return asked;
  if (asked === undefined) return caller.id;
  const reason = `the token is limited to instances named "${caller.id}"`;
  throw new TenError("FORBIDDEN", `Cannot read these logs: ${reason}`);
}

function describeLine({ at, ref, stream, text }: LogLine): LogAnswer {
  return {
    timestamp: new Date(at).toISOString(),
    level: stream,
    process: ref.service,
    instance_id: ref.id,
    message: text,
  };
}
