// The C programs that the executable carries: installs the launcher, reads the machines' agent.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { lackOf } from "../../core/failure.ts";
import { replaceFile } from "../../platform/files.ts";
import { runHelperSync } from "../../platform/process/helper.ts";

/** Below the data directory; no service can have this name. */
const DIRECTORY = ".launcher";
/** The launcher's exit code when the program does not exist, behind walls that stand. */
const NO_PROGRAM = 127;
/** It takes some milliseconds to run a program that ends at once. */
const LAUNCHER_MS_MAX = 10_000;
const EMBEDDED = "/$bunfs/root/";

/**
 * Installs this build's launcher at `{dataDir}/.launcher/ten-launcher`, and returns that path; null where the build
 * has none.
 */
export function installLauncher(dataDir: string): string | null {
  const content = readCarried("launcher");
  return content === null ? null : install(content, `${dataDir}/${DIRECTORY}`);
}

/**
 * Finds the launcher once; null also where the data directory's file system forbids execution. Throws where the server
 * lacks a descriptor to try it.
 */
export function findRunnable(install: () => string | null): () => string | null {
  let found: string | null | undefined;
  return () => {
    if (found === undefined) {
      const launcher = install();
      found = launcher !== null && runs(launcher) ? launcher : null;
    }
    return found;
  };
}

function runs(launcher: string): boolean {
  try {
    return tryLauncher(launcher, []) === null;
  } catch (error) {
    if (error instanceof Error && lackOf(error.cause) !== null) throw error;
    return false;
  }
}

/** Why the launcher refuses options; null: they work here. Throws an Error when it can't be run, or hangs. */
export function tryLauncher(launcher: string, options: readonly string[]): string | null {
  const argv = [launcher, ...options, "--", "/bin/true"];
  const end = runHelperSync({ argv, timeoutMs: LAUNCHER_MS_MAX });
  if (end.kind === "failed") throw new Error(end.reason, { cause: end.cause });
  if (end.exitCode === 0 || end.exitCode === NO_PROGRAM) return null;
  return end.errors.trim() || `the launcher ended with ${end.exitCode}`;
}

function install(content: Buffer, directory: string): string {
  const file = `${directory}/ten-launcher`;
  if (existsSync(file) && readFileSync(file).equals(content)) return file;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // A program that runs can't be written to, so the file is replaced.
  replaceFile(file, content, 0o755);
  return file;
}

/** The agent, the first process of a machine; null where the build has none. */
export function readAgent(): Buffer | null {
  return readCarried("guest");
}

/** From the executable, or from the build's output when this program runs from its sources. */
function readCarried(name: "launcher" | "guest"): Buffer | null {
  const pattern = new RegExp(`^ten-${name}-\\w+\\.bin$`);
  const files = Bun.embeddedFiles as readonly (Blob & { name: string })[];
  const embedded = files.find((file) => pattern.test(file.name));
  if (embedded !== undefined) return readFileSync(EMBEDDED + embedded.name);
  if (import.meta.url.includes(EMBEDDED)) return null;
  const built = fileURLToPath(new URL(`../../../dist/${name}-${process.arch}`, import.meta.url));
  return process.platform === "linux" && existsSync(built) ? readFileSync(built) : null;
}
