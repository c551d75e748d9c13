// Reads the named pipes of all instances in turns, by way of the journal, and splits the bytes into lines.
import { unreachable } from "../../core/assert.ts";
import { messageOf } from "../../core/errors.ts";
import { formatRef, type InstanceRef, parseRef, type SlotRef } from "../../core/ref.ts";
import { LOG_STREAMS, type LogLine, type LogStream } from "../line.ts";
import type { AttachedPipe } from "../log-messages.ts";
import type { Journal } from "./journal.ts";
import type { JournalRecord } from "./journal-format.ts";
import { LineSplitter } from "./lines.ts";
import { growPipe, PipePoll } from "./splice.ts";

/** Lines of one stream that arrived together. */
export interface Arrival {
  /** Of the journal record that completed them. */
  readonly seq: number;
  /** At least one. */
  readonly lines: readonly LogLine[];
  /** Read from the pipe; 0 for lines of the server's own. */
  readonly bytes: number;
}

interface Pipe {
  readonly source: string;
  readonly fd: number;
}

export class LogIntake {
  readonly #journal: Journal;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #onBrokenPipe: (reason: string) => void;
  readonly #onRelease: (fd: number) => void;
  readonly #splitters = new Map<string, LineSplitter>();
  readonly #pipes = new Map<string, Pipe>();
  #poll = new PipePoll([]);

  constructor(setup: {
    journal: Journal;
    onArrival: (arrival: Arrival) => void;
    onBrokenPipe: (reason: string) => void;
    /** The descriptor may be closed. */
    onRelease: (fd: number) => void;
  }) {
    this.#journal = setup.journal;
    this.#onArrival = setup.onArrival;
    this.#onBrokenPipe = setup.onBrokenPipe;
    this.#onRelease = setup.onRelease;
  }

  get isReading(): boolean {
    return this.#pipes.size > 0;
  }

  /** Reads a pipe from now on, until its last writer has closed it; releases `fd` in the end. */
  attach({ slot, stream, fd }: AttachedPipe): void {
    const source = sourceOf(slot, stream);
    if (this.#pipes.has(source)) {
      // A process of the previous launch still holds the pipe open. Two readers would each get a part of the lines.
      this.#onRelease(fd);
      return;
    }
    growPipe(fd);
    this.#pipes.set(source, { source, fd });
    this.#pipesChanged();
  }

  /** Adds a line of the server's own. */
  note(ref: InstanceRef, text: string): void {
    this.accept(this.#journal.append(sourceOf({ ref, slot: 0 }, "server"), { kind: "note", text }));
  }

  /** Reads a chunk from every pipe that has bytes; returns the size of the largest chunk. */
  readTurn(): number {
    const pipes = [...this.#pipes.values()];
    const ready = this.#poll.ready().flatMap((index) => pipes[index] ?? []);
    return ready.reduce((most, pipe) => Math.max(most, this.#read(pipe)), 0);
  }

  /** Splits a record into lines, whether just read or recovered from a previous server. */
  accept(record: JournalRecord): void {
    const { at, content } = record;
    const source = parseSource(record.source);
    const lines = this.#split(record).map((text) => ({ at, ...source, text }));
    const bytes = content.kind === "bytes" ? content.bytes.length : 0;
    if (lines.length > 0) this.#onArrival({ seq: record.seq, lines, bytes });
  }

  /** Completes the unfinished lines of pipes that are not attached: their writers ended while no server ran. */
  completeOrphans(): void {
    for (const source of [...this.#splitters.keys()]) {
      if (!this.#pipes.has(source)) this.accept(this.#journal.append(source, { kind: "end" }));
    }
  }

  /** Compacts a larger journal. To be called when all lines are stored; throws when the disk is full. */
  compactJournal(bytesMax: number): void {
    if (this.#journal.size <= bytesMax) return;
    const carries = [...this.#splitters].map(([source, { carry }]) => [source, carry] as const);
    this.#journal.compact(new Map(carries.filter(([, carry]) => carry.length > 0)));
  }

  close(): void {
    this.#pipes.clear();
    this.#journal.close();
  }

  #read(pipe: Pipe): number {
    try {
      const record = this.#journal.readFrom(pipe.source, pipe.fd);
      if (record === null) return 0;
      this.accept(record);
      if (record.content.kind === "end") this.#detach(pipe);
      return record.content.kind === "bytes" ? record.content.bytes.length : 0;
    } catch (thrown) {
      this.#detach(pipe);
      this.#onBrokenPipe(`Cannot read the output "${pipe.source}": ${messageOf(thrown)}`);
      return 0;
    }
  }

  #detach({ source, fd }: Pipe): void {
    this.#pipes.delete(source);
    this.#pipesChanged();
    this.#onRelease(fd);
  }

  #pipesChanged(): void {
    this.#poll = new PipePoll([...this.#pipes.values()].map(({ fd }) => fd));
  }

  #split({ source, content }: JournalRecord): string[] {
    switch (content.kind) {
      case "bytes": {
        const splitter = this.#splitters.get(source) ?? new LineSplitter();
        this.#splitters.set(source, splitter);
        return splitter.push(content.bytes);
      }
      case "note":
        return [content.text];
      case "end": {
        const rest = this.#splitters.get(source)?.end() ?? [];
        this.#splitters.delete(source);
        return rest;
      }
      case "mark":
        return [];
      default:
        return unreachable(content);
    }
  }
}

/** One source for each pipe, so that the output of two processes is not mixed within a line. */
function sourceOf({ ref, slot }: SlotRef, stream: LogStream): string {
  return slot === 0 ? `${formatRef(ref)}/${stream}` : `${formatRef(ref)}/${stream}/${slot}`;
}

function parseSource(source: string): Pick<LogLine, "ref" | "stream" | "slot"> {
  const [ref = "", name, slot] = source.split("/");
  const stream = LOG_STREAMS.find((each) => each === name) ?? "stderr";
  return { ref: parseRef(ref), stream, ...(slot === "1" && { slot: 1 }) };
}
