// A log line, and the filter that selects lines.
import type { InstanceRef } from "../core/ref.ts";

export const LOG_STREAMS = ["stdout", "stderr"] as const;
export type LogStream = (typeof LOG_STREAMS)[number];

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ref: InstanceRef;
  readonly stream: LogStream;
  readonly text: string;
}

/** The prefix of the server's own lines in the log of an instance. */
export const NOTE_PREFIX = "ten: ";

export function isNote({ text }: LogLine): boolean {
  return text.startsWith(NOTE_PREFIX);
}

export interface LogFilter {
  readonly service?: string;
  readonly id?: string;
  readonly stream?: LogStream;
  /** Words that a line must contain, all of them, in any order. */
  readonly search?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  /** Only stored lines from before this place, which `LogPage.older` names. */
  readonly before?: number;
}

/** What a search found, oldest first. */
export interface LogPage {
  readonly lines: readonly LogLine[];
  /** The place before which a further search goes on; null: no line was left out for its size. */
  readonly older: number | null;
}
