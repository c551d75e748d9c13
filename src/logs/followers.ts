// Follows the logs: passes new lines to each follower, by its filter and at a limited rate.
import { type LogFilter, type LogLine, selects } from "./line.ts";
import { type LogQuery, matchesLogQuery, parseLogQuery } from "./search-query.ts";

/** For each follower: more than a person reads, little work for the main thread. */
const FOLLOW_LINES_PER_S = 5000;

interface Follower {
  readonly filter: LogFilter;
  readonly query: LogQuery;
  readonly matched: LogLine[];
  /** Lines that it may still get in the second that began at `since`. */
  allowance: number;
  since: number;
  skipped: number;
  lastSkipped: LogLine | null;
}

export class Followers {
  readonly #followers = new Map<number, Follower>();
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(id: number, filter: LogFilter): void {
    this.#followers.set(id, {
      filter,
      query: parseLogQuery(filter.search ?? ""),
      matched: [],
      allowance: FOLLOW_LINES_PER_S,
      since: this.#now(),
      skipped: 0,
      lastSkipped: null,
    });
  }

  remove(id: number): void {
    this.#followers.delete(id);
  }

  offer(lines: readonly LogLine[]): void {
    for (const follower of this.#followers.values()) {
      for (const line of lines) {
        if (!isSelected(follower, line)) continue;
        if (follower.allowance === 0) {
          follower.skipped += 1;
          follower.lastSkipped = line;
          continue;
        }
        follower.allowance -= 1;
        follower.matched.push(line);
      }
    }
  }

  /** Sends the lines matched since the last call, and reports the lines that were skipped. */
  deliver(send: (id: number, lines: readonly LogLine[]) => void): void {
    const now = this.#now();
    for (const [id, follower] of this.#followers) {
      if (now - follower.since >= 1000) this.#renew(follower, now);
      const lines = follower.matched.splice(0);
      if (lines.length > 0) send(id, lines);
    }
  }

  /** Whether a follower has yet to get the report of skipped lines. */
  get hasUnreported(): boolean {
    return [...this.#followers.values()].some(({ skipped }) => skipped > 0);
  }

  #renew(follower: Follower, now: number): void {
    follower.since = now;
    follower.allowance = FOLLOW_LINES_PER_S;
    if (follower.lastSkipped === null) return;
    const { at, ref } = follower.lastSkipped;
    const text = `skipped ${follower.skipped} lines here`;
    follower.matched.push({ at, ref, stream: "server", text });
    follower.skipped = 0;
    follower.lastSkipped = null;
  }
}

function isSelected({ filter, query }: Follower, line: LogLine): boolean {
  return (
    selects(filter, line) && line.at >= (filter.since ?? 0) && matchesLogQuery(query, line.text)
  );
}
