// Runs a launcher and reads its status file.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../support/until.ts";

/** The signal that orders a launcher to kill everything that it started. */
export const KILL_ALL = 64;

export interface LaunchOptions {
  readonly launcher: string;
  readonly options?: readonly string[];
  readonly command: readonly string[];
  /** A command that runs the launcher, as `setpriv …`. */
  readonly prefix?: readonly string[];
  readonly status?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A descriptor that the launcher inherits as number 3. */
  readonly leak?: number;
}

export interface Launched extends AsyncDisposable {
  readonly process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  /** The lines of the status file so far. */
  status(): readonly string[];
  /** The rest of the status line that starts with `word`; waits for it. */
  fact(word: string): Promise<string>;
  /** Waits for a line of the application's output. */
  says(line: string): Promise<void>;
  end(): Promise<Ended>;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: readonly string[];
}

export function launch(options: LaunchOptions): Launched {
  const folder = mkdtempSync(join(tmpdir(), "ten-launch-"));
  const statusFile = options.status ?? join(folder, "status");
  const started = Bun.spawn(
    [
      ...(options.prefix ?? []),
      options.launcher,
      "--status",
      statusFile,
      ...(options.options ?? []),
      "--",
      ...options.command,
    ],
    {
      cwd: options.cwd ?? "/",
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...options.env },
      stdio: ["pipe", "pipe", "pipe", ...(options.leak === undefined ? [] : [options.leak])],
      detached: true,
    },
  ) as Bun.Subprocess<"pipe", "pipe", "pipe">;
  const stdout = collect(started.stdout);
  const stderr = collect(started.stderr);
  const status = () =>
    existsSync(statusFile) ? readFileSync(statusFile, "utf8").split("\n").slice(0, -1) : [];
  const find = (word: string) => status().find((line) => line.startsWith(`${word} `));
  return {
    process: started,
    status,
    fact: async (word) => (await until(`status ${word}`, () => find(word))).slice(word.length + 1),
    async says(line) {
      await until(`output "${line}"`, () => stdout.text.split("\n").includes(line));
    },
    async end() {
      const code = await started.exited;
      await Promise.all([stdout.done, stderr.done]);
      return { code, stdout: stdout.text, stderr: stderr.text, status: status() };
    },
    async [Symbol.asyncDispose]() {
      // SIGKILL would end the launcher alone at level process.
      if (started.exitCode === null && started.signalCode === null)
        process.kill(started.pid, KILL_ALL);
      await started.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Launches and waits for the exit. */
export async function run(options: LaunchOptions): Promise<Ended> {
  await using launched = launch(options);
  return await launched.end();
}

function collect(stream: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  const collected = { text: "", done: Promise.resolve() };
  collected.done = (async () => {
    for await (const chunk of stream) collected.text += decoder.decode(chunk, { stream: true });
  })();
  return collected;
}
