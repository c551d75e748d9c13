// Measures and deletes trees of files that tenants have made, by processes that give way to all others.
import { existsSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { isRoot } from "../owner.ts";
import { findProgram, requireProgram } from "../programs.ts";

export interface TreeSize {
  readonly bytes: number;
  /** False: not everything was seen, so the files take at least that much. */
  readonly isWhole: boolean;
}

/** The control groups of deletions. */
export interface Confinement {
  /** The group that a process can start in; null: it starts in the server's own. */
  readonly birthplace: string | null;
  /** Moves a process into the groups that it can't start in. */
  admit(pid: number): Promise<void>;
}

export interface TreesParts {
  /** The launcher, which follows no link and reads hidden directories; null where there is none. */
  readonly findLauncher: () => string | null;
  readonly confine: () => Confinement;
}

/**
 * A tenant can make directories faster than they are measured. A look at a million files on a disk that has none of
 * them in memory takes less.
 */
const MEASURE_SECONDS_MAX = 60;

/** To move a process between groups, the kernel stops all forks for some 10 ms: too much for a short deletion. */
const ADMIT_AFTER_MS = 1000;

/** Enters no other file system. */
const RM_OPTIONS = ["-rf", process.platform === "linux" ? "--one-file-system" : "-x", "--"];

export class Trees {
  readonly #parts: TreesParts;

  constructor(parts: TreesParts) {
    this.#parts = parts;
  }

  /** The allocated blocks of files and directories; a file with several names counts once, a missing path nothing. */
  async measure(paths: readonly string[], secondsMax = MEASURE_SECONDS_MAX): Promise<TreeSize> {
    const present = paths.filter((path) => existsSync(path));
    if (present.length === 0) return { bytes: 0, isWhole: true };
    const launcher = this.#parts.findLauncher();
    return launcher === null
      ? await measureByDu(present, secondsMax)
      : await measureByLauncher(launcher, present, secondsMax);
  }

  /** Deletes trees. Rejects with the first path that is left, and the reason. */
  async delete(paths: readonly string[], signal?: AbortSignal): Promise<void> {
    const launcher = this.#parts.findLauncher();
    const group = this.#parts.confine();
    const { birthplace } = group;
    if (launcher === null && !isRoot()) await openModes(paths);
    const argv = launcher === null ? [requireProgram("rm"), ...RM_OPTIONS] : [launcher, "delete"];
    const child = Bun.spawn([...argv, ...paths], {
      ...(birthplace === null ? {} : { cgroup: birthplace }),
      ...(signal === undefined ? {} : { signal }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    giveWay(child);
    const admission = setTimeout(() => group.admit(child.pid), ADMIT_AFTER_MS);
    const texts = [child.stdout, child.stderr].map((stream) => stream.text());
    const [exitCode, ...said] = await Promise.all([child.exited, ...texts]);
    clearTimeout(admission);
    if (exitCode === 0) return;
    const reason = said.join("").trim().split("\n").at(-1) ?? "";
    throw new Error(reason === "" ? `the deletion ended with ${exitCode}` : reason);
  }
}

async function measureByLauncher(
  launcher: string,
  paths: readonly string[],
  secondsMax: number,
): Promise<TreeSize> {
  const child = Bun.spawn([launcher, "measure", String(secondsMax), ...paths], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [bytes, extent] = (await child.stdout.text()).trim().split(" ");
  return { bytes: Number(bytes) || 0, isWhole: extent === "whole" };
}

/** In the form of POSIX: `KIBIBYTES<tab>PATH`, a line for each path. Names of tenants are not printed. */
async function measureByDu(paths: readonly string[], secondsMax: number): Promise<TreeSize> {
  const du = findProgram("du");
  if (du === null) return { bytes: 0, isWhole: false };
  const child = Bun.spawn([du, "-s", "-x", "-k", ...paths], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: secondsMax * 1000,
  });
  giveWay(child);
  const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  const lines = text.split("\n").filter((line) => line !== "");
  const kibibytes = lines.reduce((sum, line) => sum + (Number(line.split("\t")[0]) || 0), 0);
  return { bytes: kibibytes * 1024, isWhole: exitCode === 0 };
}

/** rm(1) can't delete from directories that an ordinary user has closed. */
async function openModes(paths: readonly string[]): Promise<void> {
  const closed = ["-type", "d", "!", "-perm", "-700"];
  const child = Bun.spawn(
    [
      requireProgram("find"),
      ...paths,
      "-xdev",
      ...closed,
      "-exec",
      requireProgram("chmod"),
      "u+rwx",
      "{}",
      ";",
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  giveWay(child);
  await child.exited;
}

function giveWay({ pid }: Bun.Subprocess): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended.
  }
}
