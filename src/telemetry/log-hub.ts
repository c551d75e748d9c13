// The main thread's handle on the logs; reading, storing and searching happen in a worker thread.
import type { InstanceRef } from "../core/ref.ts";
import type { LogFilter, LogLine } from "./log-line.ts";

/** Named pipes that a tenant writes to; they outlive the server. */
export interface OutputPipes {
  readonly stdout: string;
  readonly stderr: string;
}

export interface LogCounters {
  readonly stored: number;
  readonly dropped: number;
}

export interface LogHub extends AsyncDisposable {
  /** Reads the pipes of an instance until its last writer has closed them. Attaching the same pipes again is harmless. */
  attach(ref: InstanceRef, pipes: OutputPipes): void;
  /** Writes a line of the server's own about an instance, as stderr. */
  note(ref: InstanceRef, text: string): void;
  /** The newest `limit` lines that match, oldest first; includes every line read so far. */
  query(filter: LogFilter, limit: number): Promise<readonly LogLine[]>;
  /** Calls `onLines` for matching lines from now on; the returned function ends it. */
  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void;
  /** Deletes what is stored of an instance. */
  forget(ref: InstanceRef): void;
  counters(): LogCounters;
}
