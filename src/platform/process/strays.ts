// Strays: descendants that outlive the process they come from, found by mark, on macOS by process group.
import { setTimeout as delay } from "node:timers/promises";
import type { ChildRef } from "../../core/life/instance.ts";
import { ancestorAmong, listMarked } from "./marks.ts";
import { ProcessHandle } from "./process-handle.ts";
import { groupMembers, startTimeOf } from "./processes.ts";

const POLL_MIN_MS = 2;
const POLL_MAX_MS = 200;
/** Some five seconds: a process that does not end within them hangs in the kernel, or is replaced as it is killed. */
const LOOKS_AFTER_KILL_MAX = 30;
/** About a second. */
const END_LOOKS_MAX = 100;
const END_LOOK_MS = 10;

/** The start times of the server's living children, by pid: a descendant of one belongs to no other. */
export const children = new Map<number, number>();

export class Strays {
  readonly #ref: ChildRef;
  readonly #mark: string;
  #isKilled = false;

  constructor({ mark, ref }: { ref: ChildRef; mark: string }) {
    this.#ref = ref;
    this.#mark = mark;
  }

  /** Sends a signal to those that live now; from the first SIGKILL on, it is repeated for later ones. */
  signal(signal: NodeJS.Signals): void {
    if (signal === "SIGKILL") this.#isKilled = true;
    this.#find().then(
      (found) => sendAll(found, signal),
      // Where the processes can't be listed, the next order tries again.
      () => undefined,
    );
  }

  /** Resolves when none is left; rejects when they outlive SIGKILL. */
  async untilNone(): Promise<void> {
    let pauseMs = POLL_MIN_MS;
    for (let looksAfterKill = 0; ; pauseMs = Math.min(pauseMs * 2, POLL_MAX_MS)) {
      const found = await this.#find();
      if (found.length === 0) return;
      if (this.#isKilled && looksAfterKill++ === LOOKS_AFTER_KILL_MAX) throw remaining(found);
      if (this.#isKilled) sendAll(found, "SIGKILL");
      await delay(pauseMs);
    }
  }

  async #find(): Promise<readonly ChildRef[]> {
    if (process.platform !== "linux") return groupMembers(this.#ref.pid);
    const marked = await listMarked();
    return marked.filter(({ mark, pid }) => mark === this.#mark && this.#isOwn(pid));
  }

  #isOwn(pid: number): boolean {
    const ancestor = ancestorAmong(pid, children);
    return ancestor === null || ancestor === this.#ref.pid;
  }
}

/** Kills the marked processes that live now and descend from no child. Resolves with the number of those that stay. */
export async function endMarked(isUnwanted: (mark: string) => boolean): Promise<number> {
  const marked = await listMarked();
  const found = marked.filter(
    ({ mark, pid }) => isUnwanted(mark) && ancestorAmong(pid, children) === null,
  );
  sendAll(found, "SIGKILL");
  return (await untilEnded(found)).length;
}

/** Kills processes and waits until they have ended. Rejects when they outlive SIGKILL. */
export async function endProcesses(refs: readonly ChildRef[]): Promise<void> {
  sendAll(refs, "SIGKILL");
  const living = await untilEnded(refs);
  if (living.length > 0) throw remaining(living);
}

/** Waits for processes that have been killed; resolves with those that do not end. */
export async function untilEnded(refs: readonly ChildRef[]): Promise<readonly ChildRef[]> {
  for (let look = 0; ; look++) {
    const living = refs.filter(({ pid, startTime }) => startTimeOf(pid) === startTime);
    if (living.length === 0 || look === END_LOOKS_MAX) return living;
    await delay(END_LOOK_MS);
  }
}

function sendAll(refs: readonly ChildRef[], signal: NodeJS.Signals): void {
  for (const ref of refs) {
    using handle = ProcessHandle.open(ref);
    handle?.signal(signal);
  }
}

function remaining(found: readonly ChildRef[]): Error {
  const pids = found.map(({ pid }) => pid).join(", ");
  return new Error(`Cannot end the processes ${pids}: they outlive SIGKILL`);
}
