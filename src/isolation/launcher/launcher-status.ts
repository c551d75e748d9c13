// The launcher's status file: its process, the application's, how that ended or why it never ran.
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { ChildRef, Exit } from "../../core/life/instance.ts";
import { codeOf } from "../../platform/files.ts";

export interface LaunchStatus {
  readonly launcher: ChildRef | null;
  /** Of the namespaces, behind walls: the kernel ends all their processes with it. */
  readonly init: ChildRef | null;
  /** The application's main process. */
  readonly app: number | null;
  /** Null: it has not ended, or the launcher was killed before it could report the end. */
  readonly end: Exit | null;
  /** Whether the launcher has waited for the last process, and ended by itself. */
  readonly isGone: boolean;
}

const EMPTY: LaunchStatus = { launcher: null, init: null, app: null, end: null, isGone: false };

/** The facts in a status file so far; a file that does not exist holds none. */
export function readLaunchStatus(file: string): LaunchStatus {
  const lines = readLines(file).map((line) => line.split(" "));
  const last = (...words: string[]) => lines.findLast(([word = ""]) => words.includes(word));
  const app = last("app");
  const end = last("exit", "signal") ?? last("error");
  return {
    launcher: readProcess(last("launcher")),
    init: readProcess(last("init")),
    app: app ? Number(app[1]) : null,
    end: end ? readEnd(end) : null,
    isGone: last("gone") !== undefined,
  };
}

/** The same, and no facts from a file that can't be read now. */
export function tryReadLaunchStatus(file: string): LaunchStatus {
  try {
    return readLaunchStatus(file);
  } catch {
    return EMPTY;
  }
}

function readProcess(line: readonly string[] | undefined): ChildRef | null {
  return line === undefined ? null : { pid: Number(line[1]), startTime: Number(line[2]) };
}

function readEnd([word, ...rest]: readonly string[]): Exit {
  if (word === "error") return { kind: "unstarted", reason: rest.join(" ") };
  const number = Number(rest[0]);
  if (word === "exit") return { kind: "code", code: number };
  return { kind: "signal", signal: signalName(number) };
}

export function signalName(number: number): string {
  const known = Object.entries(constants.signals).find(([, value]) => value === number);
  return known === undefined ? `signal ${number}` : known[0];
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
