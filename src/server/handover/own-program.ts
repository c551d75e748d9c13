// Starts this program again with the same arguments, in the version that is now installed.
import { existsSync } from "node:fs";
import { messageOf, TenError } from "../../core/errors.ts";

/** The kernel marks the path of a replaced executable as deleted; the new file has the path without the mark. */
const EXECUTABLE = process.execPath.replace(/ \(deleted\)$/, "");

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  /** Inherited by the new process, as 3 and upwards. */
  readonly descriptors: readonly number[];
}

/** No program starts in a directory that is gone, such as that of a release which was removed. */
export function spawnOwnProgram({
  env,
  cwd = process.cwd(),
  descriptors,
}: SpawnOptions): Bun.Subprocess {
  const argv = ownCommand();
  try {
    return Bun.spawn(argv, {
      env: { ...env },
      cwd: existsSync(cwd) ? cwd : "/",
      stdio: ["ignore", "inherit", "inherit", ...descriptors],
    });
  } catch (error) {
    throw cannotStart(messageOf(error), `Check that ${argv[0]} exists and is executable`);
  }
}

export function cannotStart(reason: string, hint?: string): TenError {
  return new TenError("FAILED", `Cannot start the new server: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The command that this process was started with. A compiled program is its own interpreter. */
function ownCommand(): string[] {
  const [, script = "", ...args] = process.argv;
  return script.startsWith("/$bunfs/") ? [EXECUTABLE, ...args] : [EXECUTABLE, script, ...args];
}
