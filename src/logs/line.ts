// A log line, and the filter that selects lines.
import type { InstanceRef, Slot } from "../core/ref.ts";

/** The streams that a tenant writes. */
export const OUTPUT_STREAMS = ["stdout", "stderr"] as const;
export type OutputStream = (typeof OUTPUT_STREAMS)[number];

/** `server` has the server's own lines about an instance; no tenant can write there. */
export const LOG_STREAMS = [...OUTPUT_STREAMS, "server"] as const;
export type LogStream = (typeof LOG_STREAMS)[number];

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ref: InstanceRef;
  readonly stream: LogStream;
  /** Of the process that wrote the line; absent: slot 0. */
  readonly slot?: Slot;
  readonly text: string;
}

export interface LogFilter {
  readonly service?: string;
  readonly id?: string;
  readonly stream?: LogStream;
  readonly slot?: Slot;
  /** Words that a line must contain, all of them, in any order. */
  readonly search?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  /** Only stored lines from before this place, which `LogPage.older` names. */
  readonly before?: number;
}

/** Whether a filter selects the lines of a stream of an instance, before their words and times. */
export function selects(
  { service, id, stream, slot }: LogFilter,
  source: Pick<LogLine, "ref" | "stream" | "slot">,
): boolean {
  return (
    (service ?? source.ref.service) === source.ref.service &&
    (id ?? source.ref.id) === source.ref.id &&
    (stream ?? source.stream) === source.stream &&
    (slot ?? source.slot ?? 0) === (source.slot ?? 0)
  );
}

/** The lines that a search found, oldest first. */
export interface LogPage {
  readonly lines: readonly LogLine[];
  /** The place before which a further search goes on; null: no line was left out for its size. */
  readonly older: number | null;
}
