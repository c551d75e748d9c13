// The launcher's status file: its process, the application's, how that ended or why it never ran.
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { ChildRef, Exit } from "../../core/life/instance.ts";
import { codeOf } from "../../platform/files.ts";

export interface LaunchStatus {
  readonly launcher: ChildRef | null;
  /** The application's main process. */
  readonly app: number | null;
  /** Null: it has not ended, or the launcher was killed before it could report the end. */
  readonly end: Exit | null;
}

/** The facts in a status file so far; a file that does not exist holds none. */
export function readLaunchStatus(file: string): LaunchStatus {
  const lines = readLines(file).map((line) => line.split(" "));
  const last = (...words: string[]) => lines.findLast(([word = ""]) => words.includes(word));
  const launcher = last("launcher");
  const app = last("app");
  const end = last("exit", "signal") ?? last("error");
  return {
    launcher: launcher ? { pid: Number(launcher[1]), startTime: Number(launcher[2]) } : null,
    app: app ? Number(app[1]) : null,
    end: end ? readEnd(end) : null,
  };
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
