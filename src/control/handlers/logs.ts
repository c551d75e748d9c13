// Handlers about logs: searched, and followed as they are written.
import { TenError } from "../../core/errors.ts";
import { formatRef } from "../../core/ref.ts";
import type { LogFilter, LogLine } from "../../logs/line.ts";
import type { Call } from "../call.ts";
import type { EventSink } from "../event-stream.ts";
import { type LogAnswer, type LogQuery, parseSince } from "../wire/logs.ts";

const LIMIT_DEFAULT = 100;

interface Wish {
  readonly filter: LogFilter;
  readonly limit: number | undefined;
}

export async function searchLogs(call: Call<LogQuery>): Promise<LogAnswer[]> {
  const { filter, limit = LIMIT_DEFAULT } = readWish(call);
  const lines = await call.world.logs.query(filter, limit);
  return lines.map(describeLine);
}

/** Lines as they are written; with `limit`, after so many of those that were written before. */
export function followLogs(call: Call<LogQuery>): Response {
  const wish = readWish(call);
  const owner = call.caller.kind === "stranger" ? "stranger" : call.caller.name;
  return call.world.streams.answer(owner, (sink) => fill(call, { wish, sink }));
}

/**
 * Follows before it searches, so that no line falls between the two; lines that both bring are sent once.
 * @returns ends it
 */
function fill(
  { world: { logs, clock } }: Call,
  { wish: { filter, limit }, sink }: { wish: Wish; sink: EventSink },
): () => void {
  const send = (lines: readonly LogLine[]) => {
    for (const line of lines) sink.send(describeLine(line));
  };
  if (limit === undefined) return logs.follow(filter, send);
  const since = clock.wall();
  const past = new PastLines();
  const stop = logs.follow(filter, (lines) => send(past.hold(lines)));
  const release = (lines: readonly LogLine[]) => {
    send(lines);
    send(past.release(lines.filter(({ at }) => at >= since)));
  };
  logs.query(filter, limit).then(release, () => release([]));
  return stop;
}

/** Lines held while the search is under way: it ends within a second or two; then the oldest go. */
const HELD_LINES_MAX = 10_000;

/** Keeps new lines back until the old ones are sent, and knows which of them were among those. */
class PastLines {
  #held: LogLine[] | null = [];
  readonly #sent = new Map<string, number>();

  hold(lines: readonly LogLine[]): readonly LogLine[] {
    if (this.#held === null) return this.#withoutSent(lines);
    this.#held = [...this.#held, ...lines].slice(-HELD_LINES_MAX);
    return [];
  }

  /** @param sent lines of the search that the follower may bring as well */
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

function readWish(call: Call<LogQuery>): Wish {
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

/** A tenant reads the lines of its own instances, whatever it asks for. */
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
