// Logs in memory, for tests.
import { type InstanceRef, parseRef } from "../../../src/core/ref.ts";
import type { LogHub } from "../../../src/logs/hub.ts";
import { type LogFilter, type LogLine, type LogPage, selects } from "../../../src/logs/line.ts";

interface Follower {
  readonly filter: LogFilter;
  readonly onLines: (lines: readonly LogLine[]) => void;
}

/** Like the real logs, a search finds earlier lines, a follower receives later ones. */
export class FakeLogs implements LogHub {
  readonly lines: LogLine[] = [];
  readonly followers = new Set<Follower>();
  readonly queries: { readonly filter: LogFilter; readonly limit: number }[] = [];
  /** The lines that an answer has room for. */
  pageLines = Number.MAX_SAFE_INTEGER;
  /** A search ends when it resolves. */
  searching: Promise<void> = Promise.resolve();
  #onFollow = Promise.withResolvers<void>();

  /** Resolves with the first follower. */
  get followed(): Promise<void> {
    return this.#onFollow.promise;
  }

  write(...lines: readonly LogLine[]): void {
    this.lines.push(...lines);
    for (const { filter, onLines } of this.followers) {
      const matching = lines.filter((line) => matches(filter, line));
      if (matching.length > 0) onLines(matching);
    }
  }

  attach(): void {
    throw new Error("not in these tests");
  }

  note(ref: InstanceRef, text: string): void {
    this.write({ at: 0, ref, stream: "stderr", text });
  }

  async query(filter: LogFilter, limit: number): Promise<LogPage> {
    this.queries.push({ filter, limit });
    const { before = this.lines.length } = filter;
    const found = this.lines
      .slice(0, before)
      .filter((line) => matches(filter, line))
      .slice(-limit);
    const lines = found.slice(-this.pageLines);
    await this.searching;
    const [oldest] = lines;
    const isCut = oldest !== undefined && lines.length < found.length;
    return { lines, older: isCut ? this.lines.indexOf(oldest) : null };
  }

  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void {
    const follower = { filter, onLines };
    this.followers.add(follower);
    this.#onFollow.resolve();
    return () => this.followers.delete(follower);
  }

  limit(): void {
    // Nothing is kept.
  }

  forget(): void {
    throw new Error("not in these tests");
  }

  counters(): { stored: number; dropped: number } {
    return { stored: this.lines.length, dropped: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.followers.clear();
  }
}

function matches(filter: LogFilter, line: LogLine): boolean {
  return selects(filter, line) && line.at >= (filter.since ?? 0);
}

export function lineOf(name: string, text: string, changes: Partial<LogLine> = {}): LogLine {
  const at = Date.UTC(2026, 0, 31, 12);
  return { at, ref: parseRef(name), stream: "stdout", text, ...changes };
}
