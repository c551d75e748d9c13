// A victim for attacks from sandboxes and machines: a program on the host without walls.
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
import { type DataCanaries, makeDataCanaries } from "../launcher/data-canaries.ts";
import type { Programs } from "../launcher/programs.ts";
import { removeSharedMemory, SHM_KEY } from "../support/shared-memory.ts";
import type { Ten } from "../support/ten.ts";

const SECRET = ["brahms", "berlioz"] as const;

export interface Victim extends Disposable {
  readonly root: string;
  readonly pid: number;
  readonly port: number;
  readonly shared: readonly string[];
  readonly canaries: DataCanaries;
}

function writeSecret(path: string): void {
  writeFileSync(path, SECRET.join("-"));
  chmodSync(path, 0o666);
}

function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
}

/** Starts a program on the host whose files, sockets and memory everybody may access. */
export async function startVictim({ attack }: Programs): Promise<Victim> {
  const root = mkdtempSync("/opt/ten-victim-");
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
  const canaries = makeDataCanaries(0);
  const port = freePort();
  const facts = [
    ...[`port=${port}`, `abstract=@${root}`, `socket=${root}/open/socket`, `shm-key=${SHM_KEY}`],
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
    canaries,
    [Symbol.dispose]() {
      canaries[Symbol.dispose]();
      victim.kill("SIGKILL");
      for (const path of [root, ...shared, `/dev/shm/${name}-b`])
        rmSync(path, { recursive: true, force: true });
      removeSharedMemory();
    },
  };
}

/** The attacking instance. */
export interface Attacker {
  readonly service: string;
  readonly id: string;
  /** Paths and numbers of a service may be placeholders, which the server fills. */
  readonly dataDir: string;
  readonly port: string;
  /** Further arguments of the attack. */
  readonly facts: Readonly<Record<string, string>>;
}

/** The arguments of the attack. */
export function factsFor(victim: Victim, attacker: Attacker): readonly string[] {
  const { canaries, pid, port, root, shared } = victim;
  const { dataDir: data, id, service } = attacker;
  const [tmp, varTmp, run, shm] = shared;
  const facts = {
    kind: "root",
    data,
    "data-entries": ` ${service} ${id} `,
    database: `${data}/tenement.db`,
    other: `${data}/notes/b`,
    secret: `${data}/notes/b/secret`,
    "secret-start": SECRET[0],
    "secret-end": SECRET[1],
    hidden: `${data}/notes/b`,
    "hidden-canary": `${data}/notes/b/secret`,
    "read-directory": join(root, "shown"),
    "read-canary": join(root, "shown/canary"),
    ...canaries.facts,
    configuration: `${data}/../app/tenement.toml`,
    "env-file": `${data}/../app/secret.env`,
    "canary-directory": join(root, "open"),
    canary: join(root, "open/canary"),
    "tmp-canary": tmp,
    "var-tmp-canary": varTmp,
    "run-canary": run,
    "shm-canary": shm,
    "setuid-copy": join(root, "setuid-copy"),
    "other-pid": pid,
    "server-pid": process.pid,
    port: attacker.port,
    "other-port": port,
    "idle-port": freePort(),
    abstract: `@${root}`,
    "other-socket": join(root, "open/socket"),
    "own-socket": `${data}/${service}/${id}/own`,
    "shm-key": SHM_KEY,
    "host-name": id,
    network: "private",
    ...attacker.facts,
  };
  const namespaces = ["pid", "mnt", "ipc", "uts", "cgroup"].map(
    (name) => `host-${name}=${readlinkSync(`/proc/self/ns/${name}`)}`,
  );
  return [...Object.entries(facts).map(([name, value]) => `${name}=${value}`), ...namespaces];
}

/** The other tenant's data. */
export function layOutData({ dataDir }: Ten): void {
  for (const path of ["notes", "notes/b"]) makeDirectory(join(dataDir, path));
  writeSecret(join(dataDir, "notes/b/secret"));
}
