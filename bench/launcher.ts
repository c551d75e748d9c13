// The cost of the launcher: the start of /bin/true through it and directly, in turns, and its memory while a tenant
// runs. Needs root, and `bun scripts/build-native.ts`.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SOFTWARE } from "../src/core/host-paths.ts";
import { median } from "./support.ts";

const ROUNDS = 300;
const USER = 61185;
const EXTRA_MAX_MS = 2;
const MEMORY_MAX_KB = 200;
const launcher = join(import.meta.dir, `../dist/launcher-${process.arch}`);

const root = mkdtempSync("/var/lib/ten-bench-");
chmodSync(root, 0o755);
const own = join(root, "a");
mkdirSync(own, { mode: 0o700 });
chownSync(own, USER, USER);
const user = String(USER);
const shown = SOFTWARE.flatMap((path) => ["--show", path]);
const common = [
  "--walls",
  ...shown,
  "--hide",
  root,
  "--write",
  own,
  "--chdir",
  own,
  "--bind-port",
  "30000",
];
const asUser = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"];

/** Name → prefix of the command. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  directly: [],
  "level process": [launcher, "--status", join(root, "status"), "--"],
  "behind walls": [
    launcher,
    "--status",
    join(root, "status"),
    ...common,
    "--uid",
    user,
    "--gid",
    user,
    "--",
  ],
  "setpriv alone": asUser,
  "behind walls, rootless (with setpriv)": [...asUser, launcher, ...common, "--rootless", "--"],
};

try {
  const times = new Map(Object.keys(WAYS).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, prefix] of Object.entries(WAYS)) times.get(name)?.push(await timeOf(prefix));
  }
  const direct = median(times.get("directly") ?? []);
  console.log(`/bin/true, medians of ${ROUNDS} rounds`);
  for (const [name, values] of times) {
    const middle = median(values);
    console.log(
      `${name.padEnd(40)} ${middle.toFixed(2).padStart(6)} ms  ${(middle - direct).toFixed(2).padStart(6)} more  ${(middle / direct).toFixed(1).padStart(5)}x`,
    );
  }
  const extra = median(times.get("behind walls") ?? []) - direct;
  const memory = await memoryBehindWalls();
  console.log(
    `memory while a tenant runs (PSS): launcher ${memory.launcher} KB, init ${memory.init} KB`,
  );
  console.log(extra <= EXTRA_MAX_MS ? "start: within 2 ms" : "start: MORE THAN 2 ms");
  const total = memory.launcher + memory.init;
  console.log(total <= MEMORY_MAX_KB ? "memory: within 200 KB" : "memory: MORE THAN 200 KB");
} finally {
  rmSync(root, { recursive: true });
}

async function timeOf(prefix: readonly string[]): Promise<number> {
  const begun = performance.now();
  const child = Bun.spawn([...prefix, "/bin/true"], { stdio: ["ignore", "ignore", "inherit"] });
  if ((await child.exited) !== 0) throw new Error(`Cannot start through ${prefix.join(" ")}`);
  return performance.now() - begun;
}

/** Proportional set sizes in KB. */
async function memoryBehindWalls(): Promise<{ launcher: number; init: number }> {
  const status = join(root, "status-memory");
  const prefix = [launcher, "--status", status, ...common, "--uid", user, "--gid", user, "--"];
  const child = Bun.spawn([...prefix, "sh", "-c", "echo up; exec sleep 1000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await child.stdout.getReader().read();
  const init = /^init (\d+)/m.exec(readFileSync(status, "utf8"))?.[1];
  const sizes = { launcher: sizeOf(child.pid), init: sizeOf(Number(init)) };
  child.kill("SIGTERM");
  await child.exited;
  return sizes;
}

function sizeOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]);
}
