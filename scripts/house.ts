// The order of the source tree: who may import whom. The map in the documentation and the test of the architecture read
// it.

export interface Folder {
  /** Below `src/`; "" for the files beside the folders. */
  readonly name: string;
  readonly about: string;
  /** The folders it may import from, beside itself. */
  readonly imports: readonly string[];
  /** Globs of its files, from top to bottom: a file may import from its own line and from those below. */
  readonly order: readonly string[];
}

/** From top to bottom. */
export const HOUSE: readonly Folder[] = [
  {
    name: "",
    about: "the entry of the executable",
    imports: ["cli", "platform"],
    order: ["main.ts", "build-info.ts"],
  },
  {
    name: "cli",
    about: "parse, call, print",
    imports: ["server", "control", "doctor", "config", "database", "platform", "core", ""],
    order: ["{program,complete,commands}.ts", "commands/*.ts", "*.ts"],
  },
  {
    name: "server",
    about: "composition, start and stop; replacement by another server",
    imports: [
      "proxy",
      "control",
      "supervisor",
      "storage",
      "metrics",
      "logs",
      "isolation",
      "database",
      "platform",
      "core",
    ],
    order: ["server.ts", "handover/*.ts", "*.ts"],
  },
  {
    name: "proxy",
    about: "HTTP between clients and tenants",
    imports: ["supervisor", "metrics", "platform", "core"],
    order: [
      "{listener,connections}.ts",
      "client/*.ts",
      "exchange/*.ts",
      "upstream/*.ts",
      "http/*.ts",
      "*.ts",
    ],
  },
  {
    name: "control",
    about: "the control API and its client",
    imports: ["supervisor", "metrics", "logs", "database", "platform", "core"],
    order: [
      "{api,answer,relay,sockets}.ts",
      "routes/*.ts",
      "handlers/*.ts",
      "*.ts",
      "client/*.ts",
      "wire/*.ts",
    ],
  },
  {
    name: "doctor",
    about: "what the host provides",
    imports: ["storage", "isolation", "platform", "core"],
    order: ["*.ts"],
  },
  {
    name: "supervisor",
    about: "instances in motion",
    imports: ["storage", "metrics", "logs", "isolation", "database", "platform", "core"],
    order: [
      "rollout/*.ts",
      "handover/*.ts",
      "autostart.ts",
      "{supervisor,operator,domains,provisional-instances}.ts",
      "exec/*.ts",
      "instance/*.ts",
      "launch/*.ts",
      "*.ts",
    ],
  },
  {
    name: "storage",
    about: "quotas and volumes",
    imports: ["logs", "database", "platform", "core"],
    order: ["*.ts"],
  },
  { name: "metrics", about: "counters and histograms", imports: ["logs", "core"], order: ["*.ts"] },
  {
    name: "logs",
    about: "output of tenants: read, kept, searched, followed",
    imports: ["platform", "core"],
    order: ["{hub,worker,log-pipeline}.ts", "archive/*.ts", "intake/*.ts", "*.ts"],
  },
  {
    name: "isolation",
    about: "the levels of isolation",
    imports: ["platform", "core"],
    order: [
      "{isolation,process-level}.ts",
      "machine/*.ts",
      "sandbox/*.ts",
      "walls/*.ts",
      "programs/*.ts",
      "launcher/*.ts",
      "cgroup/*.ts",
      "firewall/*.ts",
      "{level,socket-place}.ts",
    ],
  },
  {
    name: "config",
    about: "tenement.toml → Settings and Services",
    imports: ["platform", "core"],
    order: ["starter.ts", "projects/*.ts", "*.ts"],
  },
  { name: "database", about: "a file per table", imports: ["core"], order: ["*.ts"] },
  {
    name: "platform",
    about: "the operating system, behind small interfaces",
    imports: ["core"],
    order: ["{host,host-users,systemd}.ts", "process/*.ts", "kernel/*.ts", "*.ts"],
  },
  {
    name: "core",
    about: "the rules: no clock, no I/O, no await",
    imports: [],
    order: ["life/*.ts", "*.ts"],
  },
];

/** Files that decide and do nothing, beside all of `core/`: no clock, no machine, no waiting. */
export const PURE: readonly string[] = [
  "core/**/*.ts",
  "config/projects/*.ts",
  "doctor/finding.ts",
  "isolation/cgroup/cgroup-limits.ts",
  "isolation/firewall/rules.ts",
  "isolation/machine/{agent-order,cpio,firecracker-config,qemu-command}.ts",
  "isolation/programs/{program-files,installation,elf,script-interpreter,wrappers,shims,program-chain,hidden-programs}.ts",
  "isolation/sandbox/{bundle,sandbox-view}.ts",
  "logs/{flood-gate,search-query}.ts",
  "logs/intake/{journal-format,lines}.ts",
  "storage/quota.ts",
];

/** Folders that hold one file a subject, where a name may stand again. */
export const SUBJECT_FOLDERS: readonly string[] = [
  "cli/commands",
  "config/projects",
  "control/handlers",
  "control/routes",
  "control/wire",
  "database",
  "doctor",
];

/** Below `src/`, in the order of the house: first by folder, then by the line of the folder's order, then by name. */
export function placeOf(file: string): { readonly folder: number; readonly line: number } {
  const folder = HOUSE.findIndex(({ name }) => name === topFolder(file));
  const inside = file.slice(topFolder(file) === "" ? 0 : topFolder(file).length + 1);
  const line = HOUSE[folder]?.order.findIndex((glob) => new Bun.Glob(glob).match(inside)) ?? -1;
  return { folder, line };
}

function topFolder(file: string): string {
  return file.includes("/") ? (file.split("/")[0] ?? "") : "";
}
