// The work of the log worker, in turns: intake, flood limit, archive and followers; also search and retention.
import { unreachable } from "../core/assert.ts";
import { messageOf } from "../core/errors.ts";
import type { InstanceRef } from "../core/ref.ts";
import { ArchiveQueue } from "./archive/archive-queue.ts";
import { FloodGate } from "./flood-gate.ts";
import { Followers } from "./followers.ts";
import { CHUNK_BYTES, Journal } from "./intake/journal.ts";
import { type Arrival, LogIntake } from "./intake/log-intake.ts";
import type { LogFilter, LogLine, LogPage } from "./line.ts";
import type { LogOptions, LogReply, LogRequest } from "./log-messages.ts";

/** Between two turns while all pipes are empty: the longest delay of a line to a follower. */
const IDLE_MS = 40;
/** Between two turns while lines arrive: long enough to read several at once. */
const ACTIVE_MS = 5;
const REPORT_DROPS_MS = 1000;
const MAINTENANCE_MS = 60_000;
/** An unfinished line of a previous server waits this long for its pipe to be attached; then it counts as complete. */
const ADOPTION_MS = 10_000;
/** A larger journal is compacted, once all its lines are stored. */
const JOURNAL_BYTES_WANTED = 4 * 1024 * 1024;
/** Turns that read a pipe of a megabyte empty; output that is written meanwhile can wait. */
const CATCH_UP_TURNS_MAX = 20;
/** Of the lines of one answer, as JSON: far more than a person reads, and little for the server to hold. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** The archive and the journal are limited to their sizes. */
type Upkeep =
  | { readonly kind: "idle" }
  /** Lines have been stored since the last time. */
  | { readonly kind: "due" }
  /** Retention is applied in slices, with other work in between. */
  | { readonly kind: "trimming"; readonly next: NodeJS.Immediate }
  | { readonly kind: "closed" };

const IDLE: Upkeep = { kind: "idle" };

export class LogPipeline {
  readonly #send: (reply: LogReply) => void;
  readonly #intake: LogIntake;
  readonly #queue: ArchiveQueue;
  readonly #gate = new FloodGate();
  readonly #followers = new Followers(() => performance.now());
  readonly #maintenance: ReturnType<typeof setInterval>;
  readonly #adoption: ReturnType<typeof setTimeout>;
  /** Instances to forget as soon as the archive can be written. */
  readonly #forgetting = new Set<InstanceRef>();
  #nextTurn: ReturnType<typeof setTimeout> | null = null;
  #dropsReportedAt = 0;
  #upkeep: Upkeep = IDLE;

  constructor(setup: {
    options: LogOptions;
    counters: Float64Array;
    send: (reply: LogReply) => void;
  }) {
    const { options, counters, send } = setup;
    this.#send = send;
    const notice = (text: string) => send({ kind: "notice", text });
    const { journal, recovered } = Journal.open(`${options.file}.intake`, Date.now);
    this.#queue = new ArchiveQueue({
      options,
      journal: journal.id,
      counters,
      now: Date.now,
      notice,
    });
    this.#intake = new LogIntake({
      journal,
      onArrival: (arrival) => this.#admit(arrival),
      onBrokenPipe: notice,
      onRelease: (fd) => send({ kind: "released", fd }),
    });
    for (const record of recovered) this.#intake.accept(record);
    this.#flush();
    this.#maintenance = setInterval(() => this.#maintain(), MAINTENANCE_MS);
    this.#adoption = setTimeout(() => this.#completeOrphans(), ADOPTION_MS);
    this.#maintain();
  }

  handle(request: Exclude<LogRequest, { kind: "open" }>): void {
    switch (request.kind) {
      case "attach":
        for (const pipe of request.pipes) this.#intake.attach(pipe);
        this.#turn();
        break;
      case "note":
        // Earlier output of the instance comes first.
        this.#intake.readTurn();
        this.#intake.note(request.ref, request.text);
        this.#turn();
        break;
      case "query":
        this.#answer(request).catch((error) =>
          this.#send({ kind: "notice", text: messageOf(error) }),
        );
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
    this.#reportDrops();
    if (this.#queue.isDue || this.#upkeep.kind === "due") this.#flush();
    this.#deliver();
    if (this.#nextTurn !== null) clearTimeout(this.#nextTurn);
    this.#nextTurn = null;
    if (this.#upkeep.kind === "closed") return;
    const isIdle = !this.#intake.isReading && this.#queue.isEmpty && !this.#followers.hasUnreported;
    if (isIdle) return;
    const pauseMs = most >= CHUNK_BYTES / 2 ? 0 : most > 0 ? ACTIVE_MS : IDLE_MS;
    this.#nextTurn = setTimeout(() => this.#turn(), pauseMs);
  }

  /** Reads all output so far. */
  #catchUp(): void {
    for (let turn = 0; turn < CATCH_UP_TURNS_MAX; turn += 1) {
      if (this.#intake.readTurn() === 0) break;
    }
    this.#turn();
  }

  #admit({ seq, lines, bytes }: Arrival): void {
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
    this.#become({ kind: "due" });
  }

  #deliver(): void {
    this.#followers.deliver((id, lines) => this.#send({ kind: "followed", id, lines }));
  }

  #reportDrops(): void {
    const now = performance.now();
    if (now - this.#dropsReportedAt < REPORT_DROPS_MS) return;
    this.#dropsReportedAt = now;
    for (const { ref, count } of this.#queue.takeDrops()) {
      this.#intake.note(ref, `dropped ${count} lines`);
    }
  }

  /** Stores the queued lines, then does the work that has to wait for that. */
  #flush(): void {
    if (this.#upkeep.kind === "due") this.#upkeep = IDLE;
    if (!this.#queue.flush()) return;
    // Forgotten lines must not stay in the journal.
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
      // The disk is full: the journal grows up to its limit, then lines are kept in memory.
    }
  }

  #maintain(): void {
    this.#gate.sweep(performance.now());
    this.#flush();
  }

  #trim(): void {
    if (this.#upkeep.kind === "closed") return;
    const isLeft = this.#queue.trim();
    this.#become(isLeft ? { kind: "trimming", next: setImmediate(() => this.#trim()) } : IDLE);
  }

  #become(upkeep: Upkeep): void {
    if (this.#upkeep.kind === "closed") return;
    if (this.#upkeep.kind === "trimming") clearImmediate(this.#upkeep.next);
    this.#upkeep = upkeep;
  }

  #completeOrphans(): void {
    this.#intake.completeOrphans();
    this.#turn();
  }

  async #answer({ id, filter, limit }: Extract<LogRequest, { kind: "query" }>): Promise<void> {
    try {
      this.#catchUp();
      this.#queue.flush();
      const page = await this.#search(filter, limit);
      this.#send({ kind: "found", id, page });
    } catch (thrown) {
      this.#send({ kind: "failed", id, reason: messageOf(thrown) });
    }
  }

  async #search(filter: LogFilter, limit: number): Promise<LogPage> {
    const room = { limit, bytes: PAGE_BYTES_MAX };
    const steps = this.#queue.archive().search(filter, { ...room, now: Date.now() });
    const found: LogLine[] = [];
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return { lines: found.reverse(), older: step.value };
      found.push(...step.value);
      await new Promise((resume) => setImmediate(resume));
    }
  }

  #close(): void {
    clearInterval(this.#maintenance);
    clearTimeout(this.#adoption);
    this.#catchUp();
    this.#become({ kind: "closed" });
    this.#dropsReportedAt = 0;
    this.#turn();
    if (this.#queue.flush()) this.#compact(0);
    this.#intake.close();
    this.#queue.close();
    this.#send({ kind: "closed" });
  }
}
