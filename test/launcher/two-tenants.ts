// Two tenants for the attack: A attacks B, whose files everybody may read and write, so that only walls protect them.
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { freePort } from "../../bench/support.ts";
import { SOFTWARE } from "../../src/core/host-paths.ts";
import type { HostView } from "../../src/core/service.ts";
import { removeSharedMemory, SHM_KEY } from "../support/shared-memory.ts";
import { type Kind, type Report, readReport, renderFacts, type Targets } from "./attack-report.ts";
import { makeDataCanaries } from "./data-canaries.ts";
import { type Launched, launch, run } from "./launch.ts";
import type { Programs } from "./programs.ts";

export interface Attack extends Report {
  readonly code: number;
  /** Walls that this kernel lacks, as the launcher says. */
  readonly missing: readonly string[];
  readonly stderr: string;
  /** The names in the shared working directory, as the host has it afterwards. */
  readonly workdir: readonly string[];
}

export interface TwoTenants extends AsyncDisposable {
  attack(launcher: string): Promise<Attack>;
}

const USERS = { root: { a: 61185, b: 61186 }, rootless: { a: 61187, b: 61187 } };
const SECRET = ["brahms", "berlioz"] as const;

export async function openTwoTenants(
  kind: Kind,
  programs: Programs,
  show: HostView = "software",
): Promise<TwoTenants> {
  const world = { ...layOut(kind, programs), show };
  const victim = await startVictim(world, programs).catch((error) => {
    world.remove();
    throw error;
  });
  const pid = Number(await victim.fact("app"));
  return {
    attack: (launcher) => attack({ world, launcher, programs, otherPid: pid }),
    async [Symbol.asyncDispose]() {
      await victim[Symbol.asyncDispose]();
      world.remove();
    },
  };
}

type World = ReturnType<typeof layOut> & { readonly show: HostView };

/**
 * Files: `data` with both tenants, `hidden` with a readable part, `open` for everybody, and one in each shared place.
 */
function layOut(kind: Kind, { attack }: Programs) {
  const root = mkdtempSync("/opt/ten-tenants-");
  chmodSync(root, 0o755);
  const users = USERS[kind];
  for (const path of [
    "data/notes/a",
    "data/notes/b",
    "hidden/app",
    "open",
    "status",
    "state",
    "work",
  ])
    openDirectory(root, path);
  chownSync(join(root, "data/notes/a"), users.a, users.a);
  chmodSync(join(root, "data/notes/a"), 0o700);
  const files = [
    "data/tenement.db",
    "data/notes/b/secret",
    "hidden/canary",
    "hidden/app/canary",
    "open/canary",
    "tenement.toml",
    "secret.env",
    "work/page",
    "work/secret",
  ];
  const shared = ["/tmp", "/var/tmp", "/run", "/dev/shm"].map((at) =>
    join(at, `ten-canary-${process.pid}-${kind}`),
  );
  for (const path of [...files.map((name) => join(root, name)), ...shared]) openFile(path);
  if (kind === "rootless")
    for (const name of ["work", "work/page", "work/secret"])
      chownSync(join(root, name), users.a, users.a);
  copyFileSync(attack, join(root, "setuid-copy"));
  chmodSync(join(root, "setuid-copy"), 0o4755);
  const canaries = makeDataCanaries(kind === "root" ? 0 : users.a);
  const ports = { a: freePort(), b: freePort(), idle: freePort() };
  const remove = () => {
    canaries[Symbol.dispose]();
    for (const path of [root, ...shared]) rmSync(path, { recursive: true, force: true });
    removeSharedMemory();
  };
  return {
    kind,
    root,
    users,
    ports,
    shared,
    canaries,
    remove,
    at: (name: string) => join(root, name),
  };
}

function openDirectory(root: string, path: string): void {
  mkdirSync(join(root, path), { recursive: true });
  for (let at = path; at !== "."; at = join(at, "..")) chmodSync(join(root, at), 0o777);
}

function openFile(path: string): void {
  writeFileSync(path, SECRET.join("-"));
  chmodSync(path, 0o666);
}

function wallsOf(world: World, tenant: "a" | "b"): readonly string[] {
  const own = world.at(`data/notes/${tenant}`);
  const user = String(world.users[tenant]);
  return [
    "--walls",
    ...(world.kind === "root" ? ["--uid", user, "--gid", user] : ["--rootless"]),
    ...(world.show === "host" ? [] : SOFTWARE.flatMap((path) => ["--show", path])),
    ...["--hide", world.canaries.facts["etc-canary"]],
    ...["--hide", world.at("tenement.toml"), "--hide", world.at("secret.env")],
    ...["--hide", world.at("data"), "--hide", world.at("hidden"), "--read", world.at("hidden/app")],
    ...["--hide", world.at("work/secret"), "--read", world.at("work")],
    ...["--layer", `${own}/.ten/workdir:${world.at("work")}`],
    ...["--state", `${own}/.ten/state/s:${world.at("state")}`],
    ...["--write", own, "--chdir", own, "--bind-port", String(world.ports[tenant])],
  ];
}

/** The command that starts the launcher: root with a further group, or an ordinary user. */
function prefixOf(world: World): readonly string[] {
  const user = String(world.users.a);
  return world.kind === "root"
    ? ["setpriv", "--groups", "4711"]
    : ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"];
}

async function startVictim(world: World, { launcher, attack }: Programs): Promise<Launched> {
  const victim = launch({
    launcher,
    prefix: prefixOf(world),
    options: wallsOf(world, "b"),
    status: world.at("status/b"),
    env: { SECRET: SECRET.join("-") },
    command: [
      attack,
      "victim",
      `port=${world.ports.b}`,
      `abstract=@${world.root}`,
      `socket=${world.at("data/notes/b/socket")}`,
      `shm-key=${SHM_KEY}`,
      "shm-file=/dev/shm/file",
      `secret=${SECRET.join("-")}`,
    ],
  });
  await victim.says("ready");
  return victim;
}

async function attack(job: {
  readonly world: World;
  readonly launcher: string;
  readonly programs: Programs;
  readonly otherPid: number;
}): Promise<Attack> {
  const { world, launcher, programs, otherPid } = job;
  rmSync(world.at("status/a"), { force: true });
  rmSync(world.at("data/notes/a/socket"), { force: true });
  const leak = openSync(world.at("data/notes/b/secret"), "r");
  const { code, stdout, stderr, status } = await run({
    launcher,
    prefix: prefixOf(world),
    options: wallsOf(world, "a"),
    status: world.at("status/a"),
    cwd: world.at("data/notes/b"),
    leak,
    command: [programs.attack, ...renderFacts(targetsOf(world, otherPid))],
  });
  closeSync(leak);
  const missing = status.flatMap((line) => /^missing (.*)$/.exec(line)?.[1] ?? []);
  const workdir = readdirSync(world.at("work")).sort();
  return { code, stderr, missing, workdir, ...readReport(stdout) };
}

function targetsOf(world: World, otherPid: number): Targets {
  const [tmp = "", varTmp = "", run = "", shm = ""] = world.shared;
  return {
    kind: world.kind,
    network: "host",
    "host-name": "tenant",
    data: world.at("data"),
    "data-entries": " notes a ",
    database: world.at("data/tenement.db"),
    other: world.at("data/notes/b"),
    secret: world.at("data/notes/b/secret"),
    "secret-start": SECRET[0],
    "secret-end": SECRET[1],
    hidden: world.at("hidden"),
    "hidden-canary": world.at("hidden/canary"),
    "read-directory": world.at("hidden/app"),
    "read-canary": world.at("hidden/app/canary"),
    work: world.at("work"),
    "work-file": world.at("work/page"),
    "work-secret": world.at("work/secret"),
    state: world.at("state"),
    "own-layer": world.at("data/notes/a/.ten/workdir"),
    "other-layer": world.at("data/notes/b/.ten/workdir/upper"),
    "other-state": world.at("data/notes/b/.ten/state/s"),
    configuration: world.at("tenement.toml"),
    "env-file": world.at("secret.env"),
    ...world.canaries.facts,
    "canary-directory": world.at("open"),
    canary: world.at("open/canary"),
    "tmp-canary": tmp,
    "var-tmp-canary": varTmp,
    "run-canary": run,
    "shm-canary": shm,
    "setuid-copy": world.at("setuid-copy"),
    "other-pid": otherPid,
    "server-pid": process.pid,
    port: world.ports.a,
    "other-port": world.ports.b,
    "idle-port": world.ports.idle,
    abstract: `@${world.root}`,
    "other-socket": world.at("data/notes/b/socket"),
    "own-socket": world.at("data/notes/a/socket"),
    "shm-key": SHM_KEY,
  };
}
