// The messages between the main thread and the log worker.
import type { InstanceRef, SlotRef } from "../core/ref.ts";
import type { LogFilter, LogLine, LogPage, OutputStream } from "./line.ts";

/** How much of the logs is kept. */
export interface LogLimits {
  readonly retentionMs: number;
  /** Of all files together, on disk. */
  readonly maxBytes: number;
}

export interface LogOptions extends LogLimits {
  /** The database; the journal and SQLite's own files are beside it. */
  readonly file: string;
}

/** Slots of the shared counters. */
export const COUNTERS = { stored: 0, dropped: 1 } as const;

/** The server's end of an output pipe. */
export interface AttachedPipe {
  readonly slot: SlotRef;
  readonly stream: OutputStream;
  readonly fd: number;
}

export type LogRequest =
  | {
      readonly kind: "open";
      readonly options: LogOptions;
      readonly counters: SharedArrayBuffer;
      /** The worker sleeps so long before it opens the logs. */
      readonly pauseMs: number;
    }
  /** The main thread closes a descriptor, once the worker has released it or has ended. */
  | { readonly kind: "attach"; readonly pipes: readonly AttachedPipe[] }
  | { readonly kind: "note"; readonly ref: InstanceRef; readonly text: string }
  | {
      readonly kind: "query";
      readonly id: number;
      readonly filter: LogFilter;
      readonly limit: number;
    }
  | { readonly kind: "follow"; readonly id: number; readonly filter: LogFilter }
  | { readonly kind: "unfollow"; readonly id: number }
  | { readonly kind: "limit"; readonly limits: LogLimits }
  | { readonly kind: "forget"; readonly ref: InstanceRef }
  | { readonly kind: "close" };

export type LogReply =
  | { readonly kind: "opened" }
  | { readonly kind: "found"; readonly id: number; readonly page: LogPage }
  | { readonly kind: "followed"; readonly id: number; readonly lines: readonly LogLine[] }
  | { readonly kind: "failed"; readonly id: number; readonly reason: string }
  /** The worker no longer reads from this descriptor. */
  | { readonly kind: "released"; readonly fd: number }
  /** A message for the console. */
  | { readonly kind: "notice"; readonly text: string }
  | { readonly kind: "closed" };
