// The main thread's interface to the logs: attaches output pipes, searches and follows, through the log worker.
import { closeSync, constants, openSync } from "node:fs";
import { unreachable } from "../core/assert.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { formatRef, type InstanceRef, type SlotRef } from "../core/ref.ts";
import type { OutputPaths } from "../platform/process/output-pipes.ts";
import type { LogFilter, LogLine, LogPage } from "./line.ts";
import {
  COUNTERS,
  type LogLimits,
  type LogOptions,
  type LogReply,
  type LogRequest,
} from "./log-messages.ts";

/** The named pipes that a tenant writes to; they outlive the server. */
export type OutputPipes = OutputPaths;

export interface LogCounters {
  readonly stored: number;
  readonly dropped: number;
}

export interface LogHub extends AsyncDisposable {
  /**
   * Reads the pipes of a slot until their last writer has closed them. Attaching the same pipes again is harmless.
   * The pipes are open when this returns, so a writer may then come and go. Throws STORAGE_FAILED.
   */
  attach(slot: SlotRef, pipes: OutputPipes): void;
  /** Writes a line of the server's own about an instance. */
  note(ref: InstanceRef, text: string): void;
  /**
   * The newest `limit` lines that match, up to 4 MB, oldest first; includes every line written so far.
   * Rejects with STORAGE_FAILED.
   */
  query(filter: LogFilter, limit: number): Promise<LogPage>;
  /**
   * Calls `onLines` for matching lines from now on; the returned function ends it. Following has begun, at the latest,
   * when a later query is answered.
   */
  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void;
  /** Changes how much is kept. */
  limit(limits: LogLimits): void;
  /** Deletes the stored lines of an instance. */
  forget(ref: InstanceRef): void;
  counters(): LogCounters;
}

/** More lines at once than a person reads; a larger limit is lowered to this one. */
const QUERY_LINES_MAX = 10_000;

/** The next server waits for the end of the worker. The journal keeps lines that are not stored by then. */
const CLOSE_MS_MAX = 15_000;

/**
 * Opens the logs in `file` and starts their worker. Only one server at a time may have them open.
 * @param onNotice receives messages for the console, such as that a damaged database was set aside
 */
export async function openLogHub(
  options: LogOptions & { readonly onNotice?: (text: string) => void },
): Promise<LogHub> {
  const { onNotice, ...rest } = options;
  const hub = new WorkerLogHub(onNotice ?? (() => undefined));
  await hub.open(rest);
  return hub;
}

/** The worker's code: beside this file, or at the place of the build within the executable. */
function workerUrl(): URL {
  const isCompiled = import.meta.url.includes("/$bunfs/");
  return new URL(isCompiled ? "./logs/worker.ts" : "./worker.ts", import.meta.url);
}

class WorkerLogHub implements LogHub {
  readonly #worker = new Worker(workerUrl().href);
  readonly #counters = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT);
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #queries = new Map<number, PromiseWithResolvers<LogPage>>();
  readonly #followers = new Map<number, (lines: readonly LogLine[]) => void>();
  readonly #onNotice: (text: string) => void;
  #nextId = 1;
  #state: "opening" | "open" | "closing" = "opening";

  constructor(onNotice: (text: string) => void) {
    this.#onNotice = onNotice;
    this.#worker.onmessage = ({ data }: MessageEvent<LogReply>) => this.#receive(data);
    this.#worker.onerror = ({ message }) => this.#fail(message);
  }

  async open(options: LogOptions): Promise<void> {
    this.#send({ kind: "open", options, counters: this.#counters });
    await this.#opened.promise;
  }

  attach(slot: SlotRef, pipes: OutputPipes): void {
    // Output from now on waits in the pipes for the next server.
    if (this.#state === "closing") return;
    const opened: number[] = [];
    try {
      for (const path of [pipes.stdout, pipes.stderr]) {
        opened.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
      }
    } catch (thrown) {
      for (const fd of opened) closeSync(fd);
      const message = `Cannot read the output of "${formatRef(slot.ref)}": ${messageOf(thrown)}`;
      throw new TenError("STORAGE_FAILED", message, { cause: thrown });
    }
    const [stdout = -1, stderr = -1] = opened;
    this.#send({ kind: "attach", slot, fds: { stdout, stderr } });
  }

  note(ref: InstanceRef, text: string): void {
    this.#send({ kind: "note", ref, text });
  }

  query(filter: LogFilter, limit: number): Promise<LogPage> {
    if (this.#state === "closing") return Promise.reject(closedError());
    const id = this.#nextId++;
    const answer = Promise.withResolvers<LogPage>();
    this.#queries.set(id, answer);
    this.#send({ kind: "query", id, filter, limit: Math.min(limit, QUERY_LINES_MAX) });
    return answer.promise;
  }

  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void {
    const id = this.#nextId++;
    this.#followers.set(id, onLines);
    this.#send({ kind: "follow", id, filter });
    return () => {
      if (this.#followers.delete(id)) this.#send({ kind: "unfollow", id });
    };
  }

  limit(limits: LogLimits): void {
    this.#send({ kind: "limit", limits });
  }

  forget(ref: InstanceRef): void {
    this.#send({ kind: "forget", ref });
  }

  counters(): LogCounters {
    const counts = new Float64Array(this.#counters);
    return { stored: counts[COUNTERS.stored] ?? 0, dropped: counts[COUNTERS.dropped] ?? 0 };
  }

  /** Reads the pipes empty, stores all lines and ends the worker. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== "closing") this.#send({ kind: "close" });
    this.#state = "closing";
    const timeout = setTimeout(() => this.#end(), CLOSE_MS_MAX);
    await this.#closed.promise;
    clearTimeout(timeout);
  }

  #end(): void {
    this.#worker.terminate();
    for (const { reject } of this.#queries.values()) reject(closedError());
    this.#queries.clear();
    this.#closed.resolve();
  }

  #send(request: LogRequest): void {
    if (this.#state !== "closing") this.#worker.postMessage(request);
  }

  #receive(reply: LogReply): void {
    switch (reply.kind) {
      case "opened":
        this.#state = "open";
        this.#opened.resolve();
        break;
      case "found":
        this.#settle(reply.id)?.resolve(reply.page);
        break;
      case "failed":
        this.#settle(reply.id)?.reject(
          new TenError("STORAGE_FAILED", `Cannot search the logs: ${reply.reason}`),
        );
        break;
      case "followed":
        this.#followers.get(reply.id)?.(reply.lines);
        break;
      case "notice":
        this.#onNotice(reply.text);
        break;
      case "closed":
        this.#end();
        break;
      default:
        unreachable(reply);
    }
  }

  /** A failure while opening rejects `open`; a later one is a bug. */
  #fail(message: string): void {
    if (this.#state !== "opening") throw new Error(`The log worker failed: ${message}`);
    this.#opened.reject(new TenError("STORAGE_FAILED", `Cannot open the logs: ${message}`));
    this.#worker.terminate();
  }

  #settle(id: number): PromiseWithResolvers<LogPage> | undefined {
    const answer = this.#queries.get(id);
    this.#queries.delete(id);
    return answer;
  }
}

function closedError(): TenError {
  return new TenError("STORAGE_FAILED", "Cannot search the logs: they are closed");
}
