// Starts processes whose standard streams this process writes and reads, no faster than the other side takes them.
import { type Child, followSpawned, type SpawnCommand } from "./spawner.ts";

export interface AttachedProcess {
  readonly child: Child;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves once the bytes are taken, or nobody takes them any more. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
}

export type AttachedSpawner = (command: Omit<SpawnCommand, "stdout" | "stderr">) => AttachedProcess;

/** Throws when the program can't be executed. */
export const spawnAttached: AttachedSpawner = ({ argv, cgroup, cwd, env }) => {
  const spawned = Bun.spawn([...argv], {
    cwd,
    env,
    detached: true,
    ...(cgroup === null ? {} : { cgroup }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const { stdin, stdout, stderr } = spawned;
  return {
    child: followSpawned(spawned, null),
    stdout,
    stderr,
    async write(bytes) {
      try {
        stdin.write(bytes);
        await stdin.flush();
      } catch {
        // The process has closed its input, or has ended.
      }
    },
    endInput() {
      Promise.resolve(stdin.end()).catch(() => undefined);
    },
  };
};
