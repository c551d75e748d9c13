// The input of gVisor's `runsc` for a sandbox: the `config.json` of an OCI bundle, and command lines.
import type { Network } from "../../core/service.ts";
import type { Binding } from "./sandbox-view.ts";

export interface Bundle {
  /** The directory that the sandbox has as `/`. */
  readonly root: string;
  readonly mounts: readonly Binding[];
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly hostname: string;
  /** "private": a loopback interface and nothing else. */
  readonly network: Network;
  /** User and group inside; 0 stands for the server's user, where that is not root. */
  readonly userId: number;
}

/** The same for every sandbox, since each has a state directory of its own. */
export const SANDBOX_NAME = "tenant";

/** Descriptors: a common limit for servers that hold many connections. */
const OPEN_FILES_MAX = 65_536;
const UMASK = 0o077;
const NO_CAPABILITIES = {
  bounding: [],
  effective: [],
  inheritable: [],
  permitted: [],
  ambient: [],
};

/** https://github.com/opencontainers/runtime-spec/blob/main/config.md */
export function renderBundle(bundle: Bundle): string {
  const { hostname, mounts, network, root } = bundle;
  const separate = ["pid", "ipc", "uts", "mount", ...(network === "private" ? ["network"] : [])];
  const sections = {
    ociVersion: "1.0.2",
    root: { path: root, readonly: true },
    hostname,
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev/shm", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
      ...mounts.map(renderMount),
    ],
    linux: { namespaces: separate.map((type) => ({ type })) },
  };
  return JSON.stringify(
    Object.fromEntries([["process", application(bundle)], ...Object.entries(sections)]),
  );
}

/** The application's process. */
function application({ argv, cwd, env, userId }: Bundle) {
  return {
    terminal: false,
    user: { uid: userId, gid: userId, umask: UMASK, additionalGids: [] },
    args: argv,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd,
    capabilities: NO_CAPABILITIES,
    noNewPrivileges: true,
    rlimits: [
      { type: "RLIMIT_NOFILE", hard: OPEN_FILES_MAX, soft: OPEN_FILES_MAX },
      { type: "RLIMIT_CORE", hard: 0, soft: 0 },
    ],
  };
}

function renderMount({ access, inside, source }: Binding) {
  const options = ["rbind", access === "read" ? "ro" : "rw", "nosuid", "nodev"];
  return { destination: inside, type: "bind", source, options };
}

export interface RunscPlace {
  readonly program: string;
  /** Of this sandbox alone. */
  readonly stateDir: string;
  readonly logFile: string;
  /** Not root. */
  readonly isRootless: boolean;
  /** Whether this version puts its helper processes into a network namespace by themselves. */
  readonly hasGoferNetwork: boolean;
}

/** Runs the sandbox of a bundle in the foreground; exits with the code of the first process inside. */
export function renderRun(
  place: RunscPlace,
  { bundleDir, network }: { bundleDir: string; network: Network },
): readonly string[] {
  return [
    ...renderCommon(place),
    `--network=${network === "private" ? "none" : "host"}`,
    // The application may make sockets that the server connects to, but not connect to the host's.
    "--host-uds=create",
    // The launcher has joined them.
    "--ignore-cgroups",
    // Writes go to the directories themselves, not to a layer over them.
    "--overlay2=none",
    ...(place.hasGoferNetwork ? ["--gofer-network-namespace=new"] : []),
    ...["run", "--bundle", bundleDir, SANDBOX_NAME],
  ];
}

/** Sends a signal to the first process inside. */
export function renderSignal(place: RunscPlace, signal: string): readonly string[] {
  return [...renderCommon(place), "kill", SANDBOX_NAME, signal];
}

function renderCommon({ isRootless, logFile, program, stateDir }: RunscPlace): readonly string[] {
  const options = ["--root", stateDir, "--log", logFile];
  return [program, ...options, ...(isRootless ? ["--rootless"] : [])];
}

/** The oldest release that was tested. Releases are numbered by their day. */
export const RUNSC_VERSION_MIN = 20_250_503;

/** Parses the day of a release, 20260905, from the output of `runsc --version`; null for a build without a number. */
export function readRunscVersion(text: string): number | null {
  const [, day] = /(?:release-|\b0\.0~)(20\d{6})/.exec(text) ?? [];
  return day === undefined ? null : Number(day);
}

/** Parses from the log of `runsc` why a sandbox never ran; null: the log has no error. */
export function readRunscFailure(log: string): string | null {
  const errors = log.matchAll(/\{"msg":("(?:\\.|[^"\\])*"),"level":"error"/g);
  const [, message] = [...errors].at(-1) ?? [];
  return message === undefined ? null : String(JSON.parse(message)).trim();
}
