// Handlers for logs: search, and follow as instances write.
import { TenError } from "../../core/errors.ts";
import { formatRef } from "../../core/ref.ts";
import type { LogFilter, LogLine } from "../../logs/line.ts";
import type { Call } from "../call.ts";
import type { EventSink } from "../event-stream.ts";
import { streamJson } from "../json-stream.ts";
import { type LogAnswer, type LogQuery, type LogSearchQuery, parseSince } from "../wire/logs.ts";

const LIMIT_DEFAULT = 100;

interface Selection {
  readonly filter: LogFilter;
  readonly limit: number | undefined;
}

/** Streams the lines. Where older ones were left out for their size, a link leads to them. */
export async function searchLogs(call: Call<LogSearchQuery>): Promise<Response> {
  const { filter, limit = LIMIT_DEFAULT } = readSelection(call);
  const giveBack = call.world.searches.take(call.caller);
  try {
    const { lines, older } = await call.world.logs.query(filter, limit);
    const left = limit - lines.length;
    const link = older === null || left === 0 ? {} : linkTo(call, { before: older, limit: left });
    return streamJson(lines.map(describeLine), {
      headers: link,
      onEnd: giveBack,
    });
  } catch (thrown) {
    giveBack();
    throw thrown;
  }
}

/** RFC 8288. An age is counted from the first search on, so that all parts are of one. */
function linkTo(
  { query, world }: Call<LogSearchQuery>,
  { before, limit }: { before: number; limit: number },
): { Link: string } {
  const since =
    query.since === undefined
      ? {}
      : { since: new Date(parseSince(query.since, world.clock.wall())).toISOString() };
  const fields = { ...query, ...since, before, limit };
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) parameters.set(name, String(value));
  return { Link: `</api/logs?${parameters}>; rel="next"` };
}

/** Sends new lines; with `limit`, after that many older lines. */
export function followLogs(call: Call<LogQuery>): Response {
  const selection = readSelection(call);
  const { streams, searches } = call.world;
  if (selection.limit !== undefined) searches.refuseSurplus(call.caller);
  return streams.answer(call.caller, (sink) => sendLines(call, { selection, sink }));
}

/**
 * Follows before it searches, so that no line is missed between the two; lines of both are sent once.
 * @returns stops to follow
 */
function sendLines(
  { world: { logs, clock, searches }, caller }: Call,
  { selection: { filter, limit }, sink }: { selection: Selection; sink: EventSink },
): () => void {
  const send = (lines: readonly LogLine[]) => {
    for (const line of lines) sink.send(describeLine(line));
  };
  if (limit === undefined) return logs.follow(filter, send);
  const since = clock.wall();
  const held = new HeldLines();
  const stop = logs.follow(filter, (lines) => send(held.hold(lines)));
  const giveBack = searches.take(caller);
  const release = (lines: readonly LogLine[]) => {
    giveBack();
    send(lines);
    send(held.release(lines.filter(({ at }) => at >= since)));
  };
  logs.query(filter, limit).then(
    ({ lines }) => release(lines),
    () => release([]),
  );
  return stop;
}

/** Held during the search, which ends within a second or two; of more lines the oldest are dropped. */
const HELD_LINES_MAX = 10_000;
/** Of their texts: half of what a stream buffers, so that all of them can be sent at once. */
const HELD_CHARS_MAX = 512 * 1024;

/** Holds new lines until the old ones are sent, and leaves out lines that were among those. */
class HeldLines {
  #held: LogLine[] | null = [];
  #chars = 0;
  readonly #sent = new Map<string, number>();

  hold(lines: readonly LogLine[]): readonly LogLine[] {
    if (this.#held === null) return this.#withoutSent(lines);
    for (const line of lines) this.#push(this.#held, line);
    return [];
  }

  #push(held: LogLine[], line: LogLine): void {
    held.push(line);
    this.#chars += line.text.length;
    while (held.length > HELD_LINES_MAX || this.#chars > HELD_CHARS_MAX) {
      this.#chars -= held.shift()?.text.length ?? 0;
    }
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

function readSelection(call: Call<LogSearchQuery>): Selection {
  const { process: service, level, search, since, before, limit, ...query } = call.query;
  const id = scopeId(call, query.id);
  const filter: LogFilter = {
    ...(service === undefined ? {} : { service }),
    ...(id === undefined ? {} : { id }),
    ...(level === undefined ? {} : { stream: level }),
    ...(search === undefined ? {} : { search }),
    ...(since === undefined ? {} : { since: parseSince(since, call.world.clock.wall()) }),
    ...(before === undefined ? {} : { before }),
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
