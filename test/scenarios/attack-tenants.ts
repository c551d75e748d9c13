// Two tenants of one server: notes:b is the victim, notes:a attacks it and knows where its files, sockets and pids are.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import type { IsolationLevel, Network } from "../../src/core/service.ts";
import { LaunchDirectories } from "../../src/isolation/launcher/launcher-directory.ts";
import { readLaunchStatus } from "../../src/isolation/launcher/launcher-status.ts";
import { type Kind, renderFacts, type Targets } from "../launcher/attack-report.ts";
import { type DataCanaries, makeDataCanaries } from "../launcher/data-canaries.ts";
import type { Programs } from "../launcher/programs.ts";
import { removeSharedMemory, SHM_KEY } from "../support/shared-memory.ts";
import type { Ten } from "../support/ten.ts";

export interface TenantPlan {
  readonly kind: Kind;
  readonly network: Network;
  readonly isolation: IsolationLevel;
  readonly programs: Programs;
}

/** The targets on this host. */
export interface Field extends Disposable {
  readonly secret: string;
  /** In /tmp, /var/tmp, /run and /dev/shm. */
  readonly shared: readonly string[];
  readonly canaries: DataCanaries;
  /** Writes the attacker's arguments, and opens all files that only walls should protect. */
  arm(targets: Targets): void;
}

const SECRET = ["brahms", "berlioz"] as const;
const STATE = "/var/lib/ten-attack";

/** Makes the files of both tenants, and canaries in all directories that tenants could share. */
export function lineUp(ten: Ten, { kind, programs }: TenantPlan): Field {
  const secret = SECRET.join("-");
  const owner = statSync(ten.root).uid;
  const own = (tenant: string) => join(ten.dataDir, "notes", tenant);
  const order = (tenant: string, words: readonly string[]) => {
    mkdirSync(own(tenant), { recursive: true, mode: 0o700 });
    writeFileSync(join(own(tenant), "order"), words.map((word) => `'${word}'`).join(" "));
    for (const path of [join(ten.dataDir, "notes"), own(tenant), join(own(tenant), "order")]) {
      if (existsSync(path)) chownSync(path, owner, owner);
    }
  };
  for (const path of [join(ten.root, "open"), join(ten.dataDir, "shared/app")]) openDirectory(path);
  const shared = ["/tmp", "/var/tmp", "/run", "/dev/shm"].map((at) =>
    join(at, `ten-canary-${process.pid}-ten-${kind}`),
  );
  const canaries = makeDataCanaries(owner);
  const files = ["open/canary", "data/shared/canary", "data/shared/app/canary"];
  for (const path of [...files.map((name) => join(ten.root, name)), ...shared]) openFile(path);
  mkdirSync(workOf(ten));
  for (const name of ["page", "secret.env"]) writeFileSync(join(workOf(ten), name), "A=1");
  for (const name of ["", "page", "secret.env"]) chownSync(join(workOf(ten), name), owner, owner);
  writeFileSync(envFileOf(ten), "PASSWORD=brahms");
  chownSync(envFileOf(ten), owner, owner);
  chmodSync(envFileOf(ten), kind === "rootless" ? 0o600 : 0o644);
  copyFileSync(programs.attack, join(ten.root, "setuid-copy"));
  chmodSync(join(ten.root, "setuid-copy"), 0o4755);
  order("b", ["victim", `abstract=@${ten.root}`, `shm-key=${SHM_KEY}`, "shm-file=/dev/shm/file"]);
  return {
    secret,
    shared,
    canaries,
    arm(targets) {
      order("a", renderFacts(targets));
      openFile(join(own("b"), "secret"));
      for (const path of [ten.dataDir, join(ten.dataDir, "notes"), own("b")])
        chmodSync(path, 0o777);
      chmodSync(join(ten.dataDir, "tenement.db"), 0o666);
    },
    [Symbol.dispose]() {
      canaries[Symbol.dispose]();
      for (const path of shared) rmSync(path, { force: true });
      removeSharedMemory();
    },
  };
}

/** One service, whose instances run the attack with the arguments in the file `order` of their directory. */
export function configureTenants(ten: Ten, plan: TenantPlan): string {
  const { isolation, network, programs } = plan;
  return stringify({
    settings: { max_restarts: 0 },
    service: {
      notes: {
        command: "/bin/sh",
        args: [
          "-c",
          `cd "$TENEMENT_DATA_DIR"; eval exec ${programs.attack} "$(cat order)" port=$PORT socket=$SOCKET_PATH own-socket=$SOCKET_PATH secret=$SECRET`,
        ],
        ...(isolation === "namespace"
          ? { workdir: workOf(ten), workdir_writable: true, state_paths: [STATE] }
          : { workdir: "{data_dir}/{name}/{id}" }),
        socket: join(ten.root, "s", "{name}-{id}.sock"),
        read_paths: [join(ten.dataDir, "shared/app")],
        env_file: envFileOf(ten),
        restart: "never",
        isolation,
        network,
      },
      other: { command: "true", env_file: join(workOf(ten), "secret.env") },
    },
  });
}

/** The attacker's targets. */
export async function listTargets(
  ten: Ten,
  {
    kind,
    network,
    field,
    idlePort,
  }: Pick<TenantPlan, "kind" | "network"> & { field: Field; idlePort: number },
): Promise<Targets> {
  const [tmp = "", varTmp = "", run = "", shm = ""] = field.shared;
  const other = await ten.instance("notes:b");
  const launch = { ref: { service: "notes", id: "b" }, slot: 0 } as const;
  const status = readLaunchStatus(
    new LaunchDirectories(ten.dataDir, { moveAway: () => undefined }).paths(launch).statusFile,
  );
  const at = (path: string) => join(ten.root, path);
  return {
    kind,
    network,
    "host-name": "a",
    data: ten.dataDir,
    "data-entries": " notes shared a ",
    database: at("data/tenement.db"),
    other: at("data/notes/b"),
    secret: at("data/notes/b/secret"),
    "secret-start": SECRET[0],
    "secret-end": SECRET[1],
    hidden: at("data/shared"),
    "hidden-canary": at("data/shared/canary"),
    "read-directory": at("data/shared/app"),
    "read-canary": at("data/shared/app/canary"),
    work: workOf(ten),
    "work-file": join(workOf(ten), "page"),
    "work-secret": join(workOf(ten), "secret.env"),
    state: STATE,
    "own-layer": at("data/notes/a/.ten/workdir"),
    "other-layer": at("data/notes/b/.ten/workdir/upper"),
    "other-state": at("data/notes/b/.ten/state"),
    configuration: ten.configFile,
    "env-file": envFileOf(ten),
    ...field.canaries.facts,
    "canary-directory": at("open"),
    canary: at("open/canary"),
    "tmp-canary": tmp,
    "var-tmp-canary": varTmp,
    "run-canary": run,
    "shm-canary": shm,
    "setuid-copy": at("setuid-copy"),
    "other-pid": status.app ?? other?.pid ?? 0,
    "server-pid": ten.pid,
    "other-port": other?.port ?? 0,
    "idle-port": idlePort,
    abstract: `@${ten.root}`,
    "other-socket": at("s/notes-b.sock"),
    "shm-key": SHM_KEY,
  };
}

/** The writable working directory of both. */
export function workOf(ten: Ten): string {
  return join(ten.root, "work");
}

function envFileOf(ten: Ten): string {
  return join(dirname(ten.configFile), "secret.env");
}

function openDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
}

function openFile(path: string): void {
  writeFileSync(path, SECRET.join("-"));
  chmodSync(path, 0o666);
}
