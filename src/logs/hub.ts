// The main thread's interface to the logs: attaches output pipes, searches and follows, through the log worker.
import { closeSync, constants, openSync } from "node:fs";
import { unreachable } from "../core/assert.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { FailureError, startFailure } from "../core/failure.ts";
import type { InstanceRef, SlotRef } from "../core/ref.ts";
import type { OutputPaths } from "../platform/process/output-pipes.ts";
import { type LogFilter, type LogLine, type LogPage, OUTPUT_STREAMS } from "./line.ts";
import {
  type AttachedPipe,
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
   * The pipes are open when this returns, so a writer may then come and go. Throws a FailureError.
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
  const hub = new WorkerLogHub(rest, onNotice ?? (() => undefined));
  await hub.opened;
  return hub;
}

/** The worker's code: beside this file, or at the place of the build within the executable. */
function workerUrl(): URL {
  const isCompiled = import.meta.url.includes("/$bunfs/");
  return new URL(isCompiled ? "./logs/worker.ts" : "./worker.ts", import.meta.url);
}

/** A worker that fails soon after its start is replaced after this time. */
const RESTART_PAUSE_MS = 1000;

interface Follower {
  readonly filter: LogFilter;
  readonly onLines: (lines: readonly LogLine[]) => void;
}

class WorkerLogHub implements LogHub {
  readonly #counters = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT);
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #queries = new Map<number, PromiseWithResolvers<LogPage>>();
  readonly #followers = new Map<number, Follower>();
  /** By descriptor: those that the worker reads. */
  readonly #pipes = new Map<number, AttachedPipe>();
  readonly #onNotice: (text: string) => void;
  #options: LogOptions;
  #worker: Worker;
  #startedAt = 0;
  /** Why the present worker fails. */
  #failure = "it ended";
  #nextId = 1;
  #state: "opening" | "open" | "closing" = "opening";

  constructor(options: LogOptions, onNotice: (text: string) => void) {
    this.#options = options;
    this.#onNotice = onNotice;
    this.#worker = this.#start(0);
  }

  /** Resolves when the worker has opened the logs. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  attach(slot: SlotRef, pipes: OutputPipes): void {
    // Output from now on waits in the pipes for the next server.
    if (this.#state === "closing") return;
    const opened: number[] = [];
    try {
      for (const stream of OUTPUT_STREAMS) {
        opened.push(openSync(pipes[stream], constants.O_RDONLY | constants.O_NONBLOCK));
      }
    } catch (thrown) {
      for (const fd of opened) closeSync(fd);
      throw new FailureError(
        startFailure(`its output can't be read: ${messageOf(thrown)}`),
        thrown,
      );
    }
    const attached = OUTPUT_STREAMS.map((stream, index) => ({
      slot,
      stream,
      fd: opened[index] ?? -1,
    }));
    for (const pipe of attached) this.#pipes.set(pipe.fd, pipe);
    this.#send({ kind: "attach", pipes: attached });
  }

  note(ref: InstanceRef, text: string): void {
    this.#send({ kind: "note", ref, text });
  }

  query(filter: LogFilter, limit: number): Promise<LogPage> {
    if (this.#state === "closing") return Promise.reject(cannotSearch("they are closed"));
    const id = this.#nextId++;
    const answer = Promise.withResolvers<LogPage>();
    this.#queries.set(id, answer);
    this.#send({ kind: "query", id, filter, limit: Math.min(limit, QUERY_LINES_MAX) });
    return answer.promise;
  }

  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void {
    const id = this.#nextId++;
    this.#followers.set(id, { filter, onLines });
    this.#send({ kind: "follow", id, filter });
    return () => {
      if (this.#followers.delete(id)) this.#send({ kind: "unfollow", id });
    };
  }

  limit(limits: LogLimits): void {
    this.#options = { ...this.#options, ...limits };
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
    const timeout = setTimeout(() => this.#giveUp(), CLOSE_MS_MAX);
    await this.#closed.promise;
    clearTimeout(timeout);
  }

  #start(pauseMs: number): Worker {
    const worker = new Worker(workerUrl().href);
    worker.onmessage = ({ data }: MessageEvent<LogReply>) => this.#receive(data);
    worker.onerror = ({ message }) => {
      this.#failure = describeError(message);
      worker.terminate();
    };
    worker.addEventListener("close", () => this.#onEnd());
    this.#startedAt = performance.now();
    this.#failure = "it ended";
    const open: LogRequest = {
      kind: "open",
      options: this.#options,
      counters: this.#counters,
      pauseMs,
    };
    worker.postMessage(open);
    return worker;
  }

  /** Only a worker that no longer runs is replaced: two would each read a part of the output. */
  #onEnd(): void {
    switch (this.#state) {
      case "opening":
        this.#opened.reject(
          new TenError("STORAGE_FAILED", `Cannot open the logs: ${this.#failure}`),
        );
        break;
      case "open":
        this.#onNotice(`The log worker failed and starts anew: ${this.#failure}`);
        this.#refuseQueries("the log worker failed");
        this.#startAgain();
        break;
      case "closing":
        this.#end();
        break;
      default:
        unreachable(this.#state);
    }
  }

  #startAgain(): void {
    const isFrequent = performance.now() - this.#startedAt < RESTART_PAUSE_MS;
    this.#worker = this.#start(isFrequent ? RESTART_PAUSE_MS : 0);
    // Before it reads, so that they miss nothing.
    for (const [id, { filter }] of this.#followers) this.#send({ kind: "follow", id, filter });
    this.#send({ kind: "attach", pipes: [...this.#pipes.values()] });
  }

  /** The worker no longer reads. */
  #end(): void {
    for (const fd of this.#pipes.keys()) this.#release(fd);
    this.#giveUp();
  }

  /** The descriptors stay until the worker has ended: it may still read from them. */
  #giveUp(): void {
    this.#worker.terminate();
    this.#refuseQueries("they are closed");
    this.#closed.resolve();
  }

  #release(fd: number): void {
    if (this.#pipes.delete(fd)) closeSync(fd);
  }

  #refuseQueries(reason: string): void {
    for (const { reject } of this.#queries.values()) reject(cannotSearch(reason));
    this.#queries.clear();
  }

  #send(request: LogRequest): void {
    if (this.#state !== "closing") this.#worker.postMessage(request);
  }

  #receive(reply: LogReply): void {
    switch (reply.kind) {
      case "opened":
        if (this.#state === "opening") this.#state = "open";
        this.#opened.resolve();
        break;
      case "found":
        this.#settle(reply.id)?.resolve(reply.page);
        break;
      case "failed":
        this.#settle(reply.id)?.reject(cannotSearch(reply.reason));
        break;
      case "followed":
        this.#followers.get(reply.id)?.onLines(reply.lines);
        break;
      case "released":
        this.#release(reply.fd);
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

  #settle(id: number): PromiseWithResolvers<LogPage> | undefined {
    const answer = this.#queries.get(id);
    this.#queries.delete(id);
    return answer;
  }
}

function cannotSearch(reason: string): TenError {
  return new TenError("STORAGE_FAILED", `Cannot search the logs: ${reason}`);
}

/** The error's own line: the runtime puts an excerpt of the code before it, and the stack behind. */
function describeError(message: string): string {
  return /^\w*[Ee]rror: .*$/m.exec(message)?.[0] ?? message;
}
