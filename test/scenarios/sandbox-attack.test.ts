// The attack on walls, from inside a sandbox: what it gets must be its own. Beside it, without walls, lives a victim.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { freePort } from "../../bench/support.ts";
import { compilePrograms, isUnable, type Programs } from "../launcher/programs.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { isMissing, RUNSC } from "../support/tool.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const CHECKS_MIN = 180;
const SECRET = ["brahms", "berlioz"] as const;
/** It would end the sandbox, whose first process is the tenant's own. */
const SKIPPED = "init-death";

/** What succeeds because it concerns nothing but the tenant's own kernel, processes and network. */
const ITS_OWN = [
  ["devices-listed", "device-fuse", "kernel-log-call", "keyring-session", "netlink-events"],
  ["new-user-namespace", "new-time-namespace", "clone-user-namespace"],
  ["init-signal", "init-environment", "init-descriptors", "init-root", "init-arguments"],
  ["idle-port", "idle-port-of-ipv6", "other-port-shared", "low-port", "idle-udp-port"],
].flat();
/** What asks for a means of the launcher's walls, or for a name that the attack expects of them. */
const NO_WALLS = [
  ["filter-in-place", "signals-blocked", "signals-ignored", "namespace-cgroup"],
  ["guards-on-root", "guards-on-own", "guards-on-tmp", "guards-on-shm"],
].flat();

interface Victim extends Disposable {
  readonly root: string;
  readonly pid: number;
  readonly port: number;
  readonly shared: readonly string[];
}

function writeSecret(path: string): void {
  writeFileSync(path, SECRET.join("-"));
  chmodSync(path, 0o666);
}

function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
}

/** A program on the host, all of whose files, sockets and memory are everybody's. */
async function startVictim({ attack }: Programs): Promise<Victim> {
  const root = mkdtempSync("/var/lib/ten-victim-");
  chmodSync(root, 0o755);
  for (const name of ["open", "shown"]) {
    makeDirectory(join(root, name));
    writeSecret(join(root, name, "canary"));
  }
  copyFileSync(attack, join(root, "setuid-copy"));
  chmodSync(join(root, "setuid-copy"), 0o4755);
  const name = `ten-canary-${process.pid}`;
  const shared = ["/tmp", "/var/tmp", "/run", "/dev/shm"].map((at) => join(at, name));
  shared.forEach(writeSecret);
  const port = freePort();
  const facts = [
    ...[`port=${port}`, `abstract=@${root}`, `socket=${root}/open/socket`, "shm-key=4711"],
    ...[`shm-file=/dev/shm/${name}-b`, `secret=${SECRET.join("-")}`],
  ];
  const victim = Bun.spawn([attack, "victim", ...facts], {
    env: { SECRET: SECRET.join("-") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await victim.stdout.getReader().read();
  return {
    root,
    port,
    pid: victim.pid,
    shared,
    [Symbol.dispose]() {
      victim.kill("SIGKILL");
      for (const path of [root, ...shared, `/dev/shm/${name}-b`])
        rmSync(path, { recursive: true, force: true });
    },
  };
}

/** For an attacker that is `notes:a`; placeholders are the server's to fill. */
function factsFor({ pid, port, root, shared }: Victim): readonly string[] {
  const [tmp, varTmp, run, shm] = shared;
  const facts = {
    kind: "root",
    sandbox: "gVisor",
    skip: ` ${SKIPPED} `,
    data: "{data_dir}",
    "data-entries": " notes a ",
    database: "{data_dir}/tenement.db",
    other: "{data_dir}/notes/b",
    secret: "{data_dir}/notes/b/secret",
    "secret-start": SECRET[0],
    "secret-end": SECRET[1],
    hidden: "{data_dir}/notes/b",
    "hidden-canary": "{data_dir}/notes/b/secret",
    "read-directory": join(root, "shown"),
    "read-canary": join(root, "shown/canary"),
    "canary-directory": join(root, "open"),
    canary: join(root, "open/canary"),
    "tmp-canary": tmp,
    "var-tmp-canary": varTmp,
    "run-canary": run,
    "shm-canary": shm,
    "setuid-copy": join(root, "setuid-copy"),
    "other-pid": pid,
    "server-pid": process.pid,
    port: "{port}",
    "other-port": port,
    "idle-port": freePort(),
    abstract: `@${root}`,
    "other-socket": join(root, "open/socket"),
    "own-socket": "{data_dir}/notes/a/own",
    "shm-key": 4711,
    "host-name": "a",
    network: "private",
  };
  const namespaces = ["pid", "mnt", "ipc", "uts", "cgroup"].map(
    (name) => `host-${name}=${readlinkSync(`/proc/self/ns/${name}`)}`,
  );
  return [...Object.entries(facts).map(([name, value]) => `${name}=${value}`), ...namespaces];
}

/** The other tenant's data. */
function layOutData({ dataDir }: Ten): void {
  for (const path of ["notes", "notes/b"]) makeDirectory(join(dataDir, path));
  writeSecret(join(dataDir, "notes/b/secret"));
}

/** Lines of the attack, by their first word. */
async function resultsOf(ten: Ten): Promise<readonly (readonly [string, string, string])[]> {
  const text = await until("the attack is over", async () => {
    const logs = await ten.must("logs", "notes:a", "--limit", "1000");
    return / (?:done|attack: .*)$/m.test(logs) && logs;
  });
  const lines = text.matchAll(/ (ok|FAIL|open) ([\w-]+)(?:: (.*))?$/gm);
  return [...lines].map(([, word = "", name = "", detail = ""]) => [word, name, detail] as const);
}

describe.skipIf(isUnable() || isMissing(RUNSC))("a tenant in a sandbox", () => {
  test("gets at nothing but what is its own", async () => {
    using programs = compilePrograms();
    using victim = await startVictim(programs);
    const configText = `
[service.notes]
command = "${programs.attack}"
args = ${JSON.stringify(factsFor(victim))}
workdir = "{data_dir}/{name}/{id}"
isolation = "sandbox"
restart = "never"
read_paths = ["${victim.root}/shown"]
`;
    await withTen({ configText }, async (ten) => {
      layOutData(ten);
      // It serves nothing, so it never gets ready.
      await ten.ten("spawn", "notes:a");
      const results = await resultsOf(ten);
      const through = results
        // Refused is refused, whatever the kernel calls it.
        .filter(([word, , detail]) => word !== "ok" && !detail.startsWith("failed with"))
        .filter(([, name]) => ![...ITS_OWN, ...NO_WALLS].includes(name));
      expect(through).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(CHECKS_MIN);
    });
  });

  test("is not attacked at all outside", () => {
    using programs = compilePrograms();
    const facts = ["sandbox=gVisor", "host-pid=x", "host-mnt=x"];
    const outside = Bun.spawnSync(["setpriv", "--reuid", "65534", programs.attack, ...facts]);
    expect(outside.exitCode).toBe(99);
    expect(outside.stdout.toString()).toBe("");
  });
});
