// The named pipes that an instance writes its output to. They outlive the server: what is written while
// nobody reads waits in them, and the next server reads on.
import { closeSync, constants, lstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef, SLOTS, type SlotRef, slotName } from "../../core/ref.ts";

export interface OutputPaths {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Output {
  readonly pipes: OutputPaths;
  /** Blocking descriptors, to hand to a child as its standard output and error. */
  readonly fds: { readonly stdout: number; readonly stderr: number };
  /** Closes this program's descriptors; call it once the pipes are attached to the log and the child is spawned. */
  close(): void;
}

/**
 * Where the pipes of a slot are: `DIRECTORY/SERVICE/ID.stdout` and `.stderr`, in slot 1 `ID.1.stdout` and `.stderr`.
 */
export function outputPaths(directory: string, slot: SlotRef): OutputPaths {
  const stem = join(directory, slot.ref.service, slotName(slot));
  return { stdout: `${stem}.stdout`, stderr: `${stem}.stderr` };
}

/**
 * Opens the pipes of a slot, making those that are missing.
 * Each is open for reading and writing, so that no writer ever meets a pipe without a reader.
 * Throws STORAGE_FAILED.
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
    throw new TenError(
      "STORAGE_FAILED",
      `Cannot open the output of "${formatRef(slot.ref)}": ${messageOf(thrown)}`,
      { cause: thrown },
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

/** Makes named pipes of the server's own; what is in their place goes. */
export function makePipes(directory: string, paths: readonly string[]): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  const { exitCode, stderr } = Bun.spawnSync(["mkfifo", "-m", "600", "--", ...paths], {
    stdin: "ignore",
    stdout: "ignore",
  });
  if (exitCode !== 0) throw new Error(stderr.toString().trim() || `mkfifo exited with ${exitCode}`);
}

/** Empties the list, so that closing twice never hits a descriptor that has since been given to another. */
function closeAll(fds: number[]): void {
  for (const fd of fds.splice(0)) closeSync(fd);
}
