// A process to be signalled: by descriptor where the system has these, else by number while its start time matches.
import { closeSync } from "node:fs";
import { constants } from "node:os";
import type { ChildRef } from "../../core/life/instance.ts";
import { openPidfd, signalPidfd } from "../kernel/pidfd.ts";
import { startTimeOf } from "./processes.ts";
import { signalProcess } from "./signal.ts";

export class ProcessHandle implements Disposable {
  readonly #ref: ChildRef;
  readonly #fd: number | null;
  #isClosed = false;

  private constructor(ref: ChildRef, fd: number | null) {
    this.#ref = ref;
    this.#fd = fd;
  }

  /** Of a child that this process has not waited for, so that its number is still its own. */
  static ofChild(pid: number): { readonly handle: ProcessHandle; readonly ref: ChildRef } {
    const ref = { pid, startTime: startTimeOf(pid) ?? 0 };
    return { handle: new ProcessHandle(ref, openPidfd(pid)), ref };
  }

  /** Null: the process has ended. */
  static open(ref: ChildRef): ProcessHandle | null {
    const handle = new ProcessHandle(ref, openPidfd(ref.pid));
    // Checked once it is open: until then the number may have gone to another process.
    if (startTimeOf(ref.pid) === ref.startTime) return handle;
    handle[Symbol.dispose]();
    return null;
  }

  /** A process that has ended gets nothing, and neither does a later one with its number. */
  signal(signal: NodeJS.Signals | number): void {
    const number = typeof signal === "number" ? signal : constants.signals[signal];
    if (this.#isClosed) return;
    if (this.#fd !== null) signalPidfd(this.#fd, number);
    else if (this.#isLiving) signalProcess(this.#ref.pid, number);
  }

  /** Signals the group that the process leads; false: it no longer lives, and the group's number may be another's. */
  signalGroup(signal: NodeJS.Signals): boolean {
    if (this.#isClosed || !this.#isLiving) return false;
    signalProcess(-this.#ref.pid, constants.signals[signal]);
    return true;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#fd !== null) closeSync(this.#fd);
  }

  get #isLiving(): boolean {
    return startTimeOf(this.#ref.pid) === this.#ref.startTime;
  }
}
