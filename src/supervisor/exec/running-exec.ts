// A command inside an instance while it runs: its streams, its signals, its end.

import { constants } from "node:os";
import { unreachable } from "../../core/assert.ts";
import type { ExecSignal } from "../../core/exec-signals.ts";
import type { Exit } from "../../core/life/instance.ts";
import { describeExit } from "../../core/life/restart-policy.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Exec, ExecEnd, TerminalSize } from "../administration.ts";
import type { LaunchedExec } from "../launch/exec-launches.ts";

/** A shell saves its history within it. */
const HANG_UP_MS = 2000;
/** The launcher has killed all others by then, or hangs. */
const KILL_AGAIN_MS = 2000;
/** Of one frame of a terminal's input; its length has two bytes. */
const FRAME_BYTES_MAX = 4096;

/** As shells have it. */
const NOT_STARTED = 126;

interface RunningExecParts {
  readonly launched: LaunchedExec;
  readonly hasTerminal: boolean;
  readonly clock: Pick<Clock, "after">;
  readonly report: (error: unknown) => void;
  readonly onGone: () => void;
}

export class RunningExec implements Exec {
  readonly ended: Promise<ExecEnd>;
  readonly #parts: RunningExecParts;
  #reason: string | null = null;
  #isGone = false;
  #cancel: () => void = () => undefined;

  constructor(parts: RunningExecParts) {
    this.#parts = parts;
    const { child } = parts.launched;
    this.ended = child.exited.then((exit) => ({
      code: codeOf(exit),
      reason: this.#reasonOf(exit),
    }));
    child.gone
      .catch(parts.report)
      .then(() => this.#gone())
      .catch(parts.report);
  }

  get stdout(): ReadableStream<Uint8Array> {
    return this.#parts.launched.stdout;
  }

  get stderr(): ReadableStream<Uint8Array> {
    return this.#parts.launched.stderr;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { hasTerminal, launched } = this.#parts;
    if (!hasTerminal) return await launched.write(bytes);
    for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) {
      await launched.write(frame("d", bytes.subarray(at, at + FRAME_BYTES_MAX)));
    }
  }

  /** A terminal has no end of input but the key for it. */
  endInput(): void {
    if (!this.#parts.hasTerminal) this.#parts.launched.endInput();
  }

  resize({ columns, rows }: TerminalSize): void {
    if (!this.#parts.hasTerminal) return;
    const size = Uint8Array.of(rows >> 8, rows & 0xff, columns >> 8, columns & 0xff);
    this.#parts.launched.write(frame("s", size)).catch(this.#parts.report);
  }

  signal(signal: ExecSignal): void {
    if (!this.#isGone) this.#parts.launched.child.signal(signal);
  }

  end(): void {
    this.hangUp(null);
  }

  /** Lets it end by itself for a moment, as when a terminal closes. */
  hangUp(reason: string | null): void {
    if (this.#isGone) return;
    this.#reason ??= reason;
    this.signal("SIGHUP");
    this.#later(HANG_UP_MS, () => this.kill(reason));
  }

  kill(reason: string | null): void {
    if (this.#isGone) return;
    this.#reason ??= reason;
    const { child } = this.#parts.launched;
    child.signal("SIGKILL");
    this.#later(KILL_AGAIN_MS, () => child.signal("SIGKILL"));
  }

  #later(ms: number, act: () => void): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(ms, act);
  }

  #gone(): void {
    const { launched, onGone, report } = this.#parts;
    this.#isGone = true;
    this.#cancel();
    try {
      launched.retire();
    } catch (error) {
      report(error);
    }
    onGone();
  }

  #reasonOf(exit: Exit): string | null {
    if (this.#reason !== null) return this.#reason;
    return exit.kind === "outOfMemory" ? describeExit(exit) : null;
  }
}

function frame(kind: "d" | "s", bytes: Uint8Array): Uint8Array {
  const head = [kind.charCodeAt(0), bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Uint8Array.from(head), bytes]);
}

/** As a shell reports it. */
function codeOf(exit: Exit): number {
  switch (exit.kind) {
    case "code":
      return exit.code;
    case "signal":
      return 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0);
    case "outOfMemory":
    case "unknown":
      return 128 + constants.signals.SIGKILL;
    case "unstarted":
      return NOT_STARTED;
    default:
      return unreachable(exit);
  }
}
