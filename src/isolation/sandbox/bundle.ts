// What gVisor's `runsc` is told of a sandbox: the `config.json` of an OCI bundle, and its options.
import type { Network } from "../../core/service.ts";
import type { Binding } from "./sandbox-view.ts";

export interface Bundle {
  /** What the sandbox has as `/`. */
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

/** One sandbox has a state directory to itself, so its name need not tell it from others. */
export const SANDBOX_NAME = "tenant";

/** Descriptors; what servers that hold many connections are commonly given. */
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

/** What runs inside, as whom. */
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
  /**
   * Whether this version has processes of its own in a network namespace, and by default a mount that outlives them.
   */
  readonly hasGoferNetwork: boolean;
}

/** Runs the sandbox of a bundle in the foreground: its exit code is that of the first process inside. */
export function renderRun(
  place: RunscPlace,
  { bundleDir, network }: { bundleDir: string; network: Network },
): readonly string[] {
  return [
    ...renderCommon(place),
    `--network=${network === "private" ? "none" : "host"}`,
    // Sockets may be made for the server to connect to; those of the host can't be connected to.
    "--host-uds=create",
    // The launcher has joined them.
    "--ignore-cgroups",
    // What is written goes where the directory is, and nowhere else.
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

/** The oldest that was tried, as its releases are numbered: the day. */
export const RUNSC_VERSION_MIN = 20_250_503;

/**
 * The day of a release, 20260905, out of what `runsc --version` says; null for one that somebody built without a
 * number.
 */
export function readRunscVersion(text: string): number | null {
  const [, day] = /(?:release-|\b0\.0~)(20\d{6})/.exec(text) ?? [];
  return day === undefined ? null : Number(day);
}

/** Why a sandbox never ran, out of the log of `runsc`; null: it does not say. */
export function readRunscFailure(log: string): string | null {
  const errors = log.matchAll(/\{"msg":("(?:\\.|[^"\\])*"),"level":"error"/g);
  const [, message] = [...errors].at(-1) ?? [];
  return message === undefined ? null : String(JSON.parse(message)).trim();
}
