// The fuzzer of the native launcher: random arguments, trees and programs, as root, rootless and without walls.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { KILL_ALL } from "../launcher/launch.ts";
import { compilePrograms, type Programs } from "../launcher/programs.ts";
import type { Random } from "../support/random.ts";
import { until } from "../support/until.ts";
import type { Fuzzer } from "./fuzzer.ts";

const USER = 61_190;
/** After it a program that does not end by itself is ended. */
const PATIENCE_MS = 500;
const STATUS_LINE =
  /^(launcher|init) \d+ \d+$|^app \d+$|^missing [\w-]+$|^error .+$|^(exit|signal) \d+ \d+$|^gone$/;
/** Its own failures, each with a message. */
const OWN_CODES = [125, 126, 127];

const SWITCHES = ["--walls", "--rootless", "--private-net"];
const PATH_OPTIONS = ["--hide", "--read", "--write", "--tmp", "--chdir", "--vsock", "--cgroup"];
const TEXTS = ["", "-1", "0", "1", "65535", "65536", "9".repeat(40), "x", "%s%n%s%n", "\u{1f600}"];
const LONG = "y".repeat(100_000);
const COMMANDS: readonly (readonly string[])[] = [
  ["true"],
  ["sh", "-c", "exit 3"],
  ["sh", "-c", "kill -9 $$"],
  ["sh", "-c", "sleep 1000 & exit 0"],
  ["sh", "-c", "trap '' TERM; sleep 1000"],
  ["sleep", "1000"],
  ["/nowhere"],
  ["/"],
  [""],
  [],
  ["echo", LONG],
];

class LauncherFuzzer implements Fuzzer {
  readonly reached = new Set<string>();
  readonly #programs: Programs = compilePrograms();

  async round(random: Random): Promise<number> {
    using ground = new Ground();
    const prefix = random.below(3) === 0 ? asUser() : [];
    const argv = makeArguments(random, ground);
    const command = [...prefix, this.#programs.launcher, ...argv];
    try {
      await this.#run(command, ground);
    } catch (error) {
      console.error(`The command was ${JSON.stringify(command).slice(0, 3000)}`);
      throw error;
    }
    if (["measure", "delete"].includes(argv[0] ?? "")) this.reached.add(argv[0] ?? "");
    return 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#programs[Symbol.dispose]();
  }

  async #run(command: readonly string[], ground: Ground): Promise<void> {
    const child = Bun.spawn([...command], {
      cwd: ground.path("work"),
      env: { PATH: "/usr/bin:/bin", TEN_FUZZ: ground.root },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let told: NodeJS.Signals | null = null;
    const ending = setTimeout(() => {
      told = "SIGTERM";
      child.kill(told);
    }, PATIENCE_MS);
    const killing = setTimeout(() => process.kill(child.pid, KILL_ALL), 2 * PATIENCE_MS);
    const [code, stderr] = await Promise.all([child.exited, child.stderr.text()]);
    clearTimeout(ending);
    clearTimeout(killing);
    // One that still reads its arguments, or walks through trees, ends by it on a busy machine.
    if (child.signalCode !== told) equal(child.signalCode, null);
    this.reached.add(`exit ${code}`);
    if (OWN_CODES.includes(code)) ok(stderr.length > 0, `${code} without a message`);
    await ground.check();
  }
}

export const openLauncherFuzzer = async (): Promise<Fuzzer> => new LauncherFuzzer();

/** A directory with odd files, and another one that the launcher must leave as it is. */
class Ground implements Disposable {
  readonly root = mkdtempSync("/var/lib/ten-fuzz-");
  readonly names = ["own", "own/deep", "file", "link", "loop", "fifo", "nothing", "work"];
  readonly #canary = join(this.root, "canary");

  constructor() {
    chmodSync(this.root, 0o755);
    for (const name of ["own", "own/deep", "work", "canary"]) mkdirSync(this.path(name));
    for (const name of ["file", "own/file", "own/deep/file", "canary/file"]) {
      writeFileSync(this.path(name), "x".repeat(1000));
    }
    symlinkSync(this.#canary, this.path("link"));
    symlinkSync(this.#canary, this.path("own/deep/link"));
    symlinkSync(this.path("loop"), this.path("loop"));
    Bun.spawnSync(["mkfifo", this.path("fifo"), this.path("own/fifo")]);
    for (const name of ["own", "own/deep", "work"]) chownSync(this.path(name), USER, USER);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  /** Nothing runs, nothing is mounted, the status file is readable, and the canary is as it was. */
  async check(): Promise<void> {
    await until("no process is left", () => !marksOf().includes(this.root));
    ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(this.root), "a mount is left");
    const status = this.path("status");
    if (existsSync(status)) {
      const lines = readFileSync(status, "utf8").split("\n");
      equal(lines.pop(), "");
      for (const line of lines) match(line, STATUS_LINE);
    }
    deepEqual(readdirSync(this.#canary), ["file"]);
    const { uid, size } = statSync(join(this.#canary, "file"));
    deepEqual({ uid, size }, { uid: 0, size: 1000 });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function makeArguments(random: Random, ground: Ground): readonly string[] {
  const path = () => ground.path(random.pick(ground.names));
  switch (random.below(8)) {
    case 0:
      return ["measure", random.pick([...TEXTS, "2"]), path(), path()];
    case 1:
      return ["delete", ...Array.from({ length: random.below(4) }, path)];
    default: {
      const usual = random.below(4) > 0 ? usualOptions(random, ground) : [];
      const more = Array.from({ length: random.below(5) }, () => makeOption(random, ground));
      const ended = random.below(10) > 0 ? ["--"] : [];
      return [...usual, ...more.flat(), ...ended, ...random.pick(COMMANDS)];
    }
  }
}

/** Mostly those of a tenant, so that some walls stand. */
function usualOptions(random: Random, ground: Ground): readonly string[] {
  const identity = random.pick([
    ["--walls", "--uid", String(USER), "--gid", String(USER)],
    ["--walls", "--rootless"],
    [],
  ]);
  return ["--status", ground.path("status"), ...identity];
}

function makeOption(random: Random, ground: Ground): readonly string[] {
  const path = () => ground.path(random.pick(ground.names));
  const text = () => random.pick([...TEXTS, LONG]);
  const number = () => String(random.pick([1, 2, 1024, 40_000, USER, random.below(2 ** 31)]));
  // Emptied and given are only directories of this round.
  const options: readonly (() => readonly string[])[] = [
    () => [random.pick(SWITCHES)],
    () => [
      random.pick(PATH_OPTIONS),
      random.pick([path(), `${path()}/..`, `${path()}//x`, "/usr"]),
    ],
    () => [random.pick(PATH_OPTIONS), text()],
    () => Array.from({ length: 70 }, () => ["--hide", path()]).flat(),
    () => ["--empty", ground.path(random.pick(["own", "work", "nothing", "file", "link"]))],
    () => ["--give", `${ground.path(random.pick(["own", "nothing", "link"]))}:${number()}`],
    () => [
      random.pick(["--write-at", "--read-at"]),
      `${path()}:${random.pick([path(), "/run/s", text()])}`,
    ],
    () => ["--state", `${ground.path("own/.ten/s")}:${random.pick([path(), "/run/s", text()])}`],
    () => ["--layer", `${ground.path("own/.ten/w")}:${random.pick([path(), "/opt", text()])}`],
    () => ["--runtime-dir", random.pick(["/tmp/run", path(), text()])],
    () => ["--forward", `${ground.path("s")}:${random.pick([number(), text()])}`],
    () => [random.pick(["--bind-port", "--processes"]), random.pick([number(), text()])],
    () => ["--device", random.pick(["/dev/null", "/dev/nothing", "/dev/../x", "/dev/shm", text()])],
    () => ["--seccomp", random.pick(["default", "permissive", text()])],
    () => ["--hostname", random.pick(["a", text()])],
    () => [random.pick(["--wal", "--uid", "--gid", "--nothing", "-x", "--hide=", "--"])],
  ];
  return random.pick(options)();
}

function asUser(): readonly string[] {
  return ["setpriv", "--reuid", `${USER}`, "--regid", `${USER}`, "--clear-groups", "--"];
}

/** The mark of this fuzzer in the environments of all living processes. */
function marksOf(): readonly string[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const variables = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const mark = variables.find((each) => each.startsWith("TEN_FUZZ="));
      return mark === undefined ? [] : [mark.slice("TEN_FUZZ=".length)];
    } catch {
      return [];
    }
  });
}
