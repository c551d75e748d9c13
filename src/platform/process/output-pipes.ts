// The named pipes for the output of instances, which outlive the server.
// Output that is written while no server runs waits in the pipe, and the next server reads it.
import { closeSync, constants, lstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { FailureError, startFailure } from "../../core/failure.ts";
import { type InstanceRef, SLOTS, type SlotRef, slotName } from "../../core/ref.ts";
import { requireProgram } from "../programs.ts";
import { runHelperSync } from "./helper.ts";

export interface OutputPaths {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Output {
  readonly pipes: OutputPaths;
  /** Blocking descriptors for a child's standard output and error. */
  readonly fds: { readonly stdout: number; readonly stderr: number };
  /** Closes the server's descriptors, once the log reads the pipes and the child has been spawned. */
  close(): void;
}

/** It takes some milliseconds, unless the disk hangs. */
const MKFIFO_MS_MAX = 10_000;

/**
 * The paths of a slot's pipes: `DIRECTORY/SERVICE/ID.stdout` and `.stderr`; in slot 1 `ID.1.stdout` and `.stderr`.
 */
export function outputPaths(directory: string, slot: SlotRef): OutputPaths {
  const stem = join(directory, slot.ref.service, slotName(slot));
  return { stdout: `${stem}.stdout`, stderr: `${stem}.stderr` };
}

/**
 * Opens the pipes of a slot, and makes missing ones. Each is opened for reading and writing, so that a writer never
 * finds a pipe without a reader. Throws a FailureError.
 */
export function openOutput(directory: string, slot: SlotRef): Output {
  const pipes = outputPaths(directory, slot);
  const opened: number[] = [];
  try {
    const missing = Object.values(pipes).filter((path) => !isPipe(path));
    if (missing.length > 0) makePipes(join(directory, slot.ref.service), missing);
    const open = (path: string) => {
      const fd = openSync(path, constants.O_RDWR);
      opened.push(fd);
      return fd;
    };
    const fds = { stdout: open(pipes.stdout), stderr: open(pipes.stderr) };
    return { pipes, fds, close: () => closeAll(opened) };
  } catch (thrown) {
    closeAll(opened);
    throw new FailureError(
      startFailure(`its output can't be opened: ${messageOf(thrown)}`),
      thrown,
    );
  }
}

/** Deletes the pipes of an instance that is no longer registered. */
export function removeOutput(directory: string, ref: InstanceRef): void {
  const paths = SLOTS.flatMap((slot) => Object.values(outputPaths(directory, { ref, slot })));
  for (const path of paths) rmSync(path, { force: true });
}

function isPipe(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false;
}

/** Makes named pipes that belong to the server, in place of any other file. */
export function makePipes(directory: string, paths: readonly string[]): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  const argv = [requireProgram("mkfifo"), "-m", "600", "--", ...paths];
  const end = runHelperSync({ argv, timeoutMs: MKFIFO_MS_MAX });
  if (end.kind === "failed") throw new Error(end.reason, { cause: end.cause });
  if (end.exitCode !== 0) throw new Error(end.errors.trim() || `mkfifo ended with ${end.exitCode}`);
}

/** Empties the list: a descriptor that is closed twice may belong to another file by then. */
function closeAll(fds: number[]): void {
  for (const fd of fds.splice(0)) closeSync(fd);
}
