// What the log worker does, in turns: reads the pipes, keeps or drops lines, stores, searches and passes them on.
import { unreachable } from "../core/assert.ts";
import { messageOf } from "../core/errors.ts";
import type { InstanceRef } from "../core/ref.ts";
import { ArchiveQueue } from "./archive/queue.ts";
import { FloodGate } from "./flood-gate.ts";
import { Followers } from "./followers.ts";
import { CHUNK_BYTES, Journal } from "./intake/journal.ts";
import { type Arrival, Intake } from "./intake/pipes.ts";
import { LOG_STREAMS, type LogFilter, type LogLine, NOTE_PREFIX } from "./line.ts";
import type { LogOptions, LogReply, LogRequest } from "./log-messages.ts";

/** Between two looks at pipes that were all empty: a line reaches a follower after this at the latest. */
const IDLE_MS = 40;
/** Between two looks while lines come in: long enough to read several at once. */
const ACTIVE_MS = 5;
const SAY_DROPS_MS = 1000;
const HOUSEKEEPING_MS = 60_000;
/** Half a line that the last server left waits this long for its pipe to be attached; then it is taken for whole. */
const ADOPTION_MS = 10_000;
/** A larger journal starts over, once all it holds is stored. */
const JOURNAL_BYTES_WANTED = 4 * 1024 * 1024;
/** Turns that empty a pipe of a megabyte; what a writer that does not stop has added meanwhile can wait. */
const CATCH_UP_TURNS_MAX = 20;

export class LogEngine {
  readonly #send: (reply: LogReply) => void;
  readonly #intake: Intake;
  readonly #queue: ArchiveQueue;
  readonly #gate = new FloodGate();
  readonly #followers = new Followers(() => performance.now());
  readonly #housekeeping: ReturnType<typeof setInterval>;
  readonly #adoption: ReturnType<typeof setTimeout>;
  /** Instances to be forgotten as soon as the archive can be written. */
  readonly #forgetting = new Set<InstanceRef>();
  #nextTurn: ReturnType<typeof setTimeout> | null = null;
  #dropsSaidAt = 0;
  /** Lines have been stored since the archive and the journal were last kept within their sizes. */
  #isTidyDue = false;
  #isTrimming = false;
  #isClosed = false;

  constructor(setup: {
    options: LogOptions;
    counters: Float64Array;
    send: (reply: LogReply) => void;
  }) {
    const { options, counters, send } = setup;
    this.#send = send;
    const notice = (text: string) => send({ kind: "notice", text });
    const { journal, left } = Journal.open(`${options.file}.intake`, Date.now);
    this.#queue = new ArchiveQueue({
      options,
      journal: journal.id,
      counters,
      now: Date.now,
      notice,
    });
    this.#intake = new Intake({
      journal,
      onArrival: (arrival) => this.#take(arrival),
      onBrokenPipe: notice,
    });
    for (const record of left) this.#intake.accept(record);
    this.#flush();
    this.#housekeeping = setInterval(() => this.#keepHouse(), HOUSEKEEPING_MS);
    this.#adoption = setTimeout(() => this.#endOrphans(), ADOPTION_MS);
    this.#keepHouse();
  }

  handle(request: Exclude<LogRequest, { kind: "open" }>): void {
    switch (request.kind) {
      case "attach":
        for (const stream of LOG_STREAMS) {
          this.#intake.attach(request.slot, { stream, fd: request.fds[stream] });
        }
        this.#turn();
        break;
      case "note":
        // What the instance wrote before it comes first.
        this.#intake.readTurn();
        this.#intake.note(request.ref, request.text);
        this.#turn();
        break;
      case "query":
        void this.#answer(request);
        break;
      case "follow":
        this.#followers.add(request.id, request.filter);
        break;
      case "unfollow":
        this.#followers.remove(request.id);
        break;
      case "limit":
        this.#queue.limit(request.limits);
        break;
      case "forget":
        this.#turn();
        this.#forgetting.add(request.ref);
        this.#flush();
        break;
      case "close":
        this.#close();
        break;
      default:
        unreachable(request);
    }
  }

  #turn(): void {
    const most = this.#intake.readTurn();
    this.#sayDrops();
    if (this.#queue.isDue || this.#isTidyDue) this.#flush();
    this.#deliver();
    if (this.#nextTurn !== null) clearTimeout(this.#nextTurn);
    this.#nextTurn = null;
    if (this.#isClosed) return;
    const isIdle = !this.#intake.isReading && this.#queue.isEmpty && !this.#followers.isBehind;
    if (isIdle) return;
    const pauseMs = most >= CHUNK_BYTES / 2 ? 0 : most > 0 ? ACTIVE_MS : IDLE_MS;
    this.#nextTurn = setTimeout(() => this.#turn(), pauseMs);
  }

  /** Reads all that has been written so far. */
  #catchUp(): void {
    for (let turn = 0; turn < CATCH_UP_TURNS_MAX; turn += 1) {
      if (this.#intake.readTurn() === 0) break;
    }
    this.#turn();
  }

  #take({ seq, lines, bytes }: Arrival): void {
    const [first] = lines;
    if (first === undefined) return;
    if (this.#gate.admits(first.ref, { bytes, now: performance.now() })) {
      this.#queue.push({ seq, lines });
      this.#followers.offer(lines);
    } else {
      this.#queue.drop(first.ref, lines.length);
    }
    if (!this.#queue.isDue) return;
    this.#queue.flush();
    this.#isTidyDue = true;
  }

  #deliver(): void {
    this.#followers.deliver((id, lines) => this.#send({ kind: "followed", id, lines }));
  }

  #sayDrops(): void {
    const now = performance.now();
    if (now - this.#dropsSaidAt < SAY_DROPS_MS) return;
    this.#dropsSaidAt = now;
    for (const { ref, count } of this.#queue.takeDrops()) {
      this.#intake.note(ref, `${NOTE_PREFIX}dropped ${count} lines`);
    }
  }

  /** Writes what is queued, then does what has to wait for that. */
  #flush(): void {
    this.#isTidyDue = false;
    if (!this.#queue.flush()) return;
    // What is forgotten must not live on in the journal.
    this.#compact(this.#forgetting.size > 0 ? 0 : JOURNAL_BYTES_WANTED);
    for (const ref of this.#forgetting) {
      if (this.#queue.forget(ref)) this.#forgetting.delete(ref);
    }
    this.#trim();
  }

  #compact(journalBytesMax: number): void {
    try {
      this.#intake.compactJournal(journalBytesMax);
    } catch {
      // The disk is full. The journal grows on for a while, then lines are kept in memory.
    }
  }

  #keepHouse(): void {
    this.#gate.sweep(performance.now());
    this.#flush();
  }

  /** Slices of housekeeping, with everything else in between. */
  #trim(): void {
    if (this.#isTrimming || this.#isClosed) return;
    this.#isTrimming = this.#queue.trim();
    if (!this.#isTrimming) return;
    setImmediate(() => {
      this.#isTrimming = false;
      this.#trim();
    });
  }

  #endOrphans(): void {
    this.#intake.endOrphans();
    this.#turn();
  }

  async #answer({ id, filter, limit }: Extract<LogRequest, { kind: "query" }>): Promise<void> {
    try {
      this.#catchUp();
      this.#queue.flush();
      const lines = await this.#search(filter, limit);
      this.#send({ kind: "found", id, lines });
    } catch (thrown) {
      this.#send({ kind: "failed", id, reason: messageOf(thrown) });
    }
  }

  async #search(filter: LogFilter, limit: number): Promise<LogLine[]> {
    const archive = this.#queue.reader();
    const found: LogLine[] = [];
    for (const lines of archive.search(filter, { limit, now: Date.now() })) {
      found.push(...lines);
      await new Promise((resume) => setImmediate(resume));
    }
    return found.reverse();
  }

  #close(): void {
    clearInterval(this.#housekeeping);
    clearTimeout(this.#adoption);
    this.#catchUp();
    this.#isClosed = true;
    this.#dropsSaidAt = 0;
    this.#turn();
    if (this.#queue.flush()) this.#compact(0);
    this.#intake.close();
    this.#queue.close();
    this.#send({ kind: "closed" });
  }
}
