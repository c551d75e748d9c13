// What the server uses of the host, and what is left of it after its end.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { serverGroup } from "../../src/isolation/cgroup/groups.ts";
import { tableName } from "../../src/isolation/firewall/firewall-tables.ts";
import { readProcess } from "../../src/platform/process/processes.ts";
import { livingMarks } from "../support/remains.ts";
import { isRoot } from "./population.ts";

const KINDS_MAX = 8;

export interface Usage {
  readonly memoryMb: number;
  readonly descriptors: number;
  /** Its children: launchers, and helpers at work. */
  readonly processes: number;
}

export function usageOf(pid: number): Usage {
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const children = readdirSync("/proc").filter((name) => {
    return /^\d+$/.test(name) && readProcess(Number(name))?.parent === pid;
  });
  return {
    memoryMb: Math.round(Number(rss) / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    processes: children.length,
  };
}

/** Milliseconds in which some process of the host waited for a processor, since its start; null: it does not count. */
export function waitedMs(): number | null {
  const file = "/proc/pressure/cpu";
  if (!existsSync(file)) return null;
  const micros = /^some .*total=(\d+)/m.exec(readFileSync(file, "utf8"))?.[1];
  return Number(micros) / 1000;
}

/** Groups and tables of the host that belong to one server; other servers may run at the same time. */
export interface HostNames {
  readonly group: string;
  readonly table: string;
}

/** @param dataDir must exist */
export function hostNames(dataDir: string): HostNames {
  return { group: serverGroup(dataDir), table: tableName(dataDir) };
}

/** Processes, mounts, control groups and firewall tables of a server that has ended. */
export function remainsOf(root: string, { group, table }: HostNames): readonly string[] {
  const marks = livingMarks().filter((mark) => mark.startsWith(`${root}/`));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...marks.map((mark) => `process ${mark}`),
    ...mounts.filter((line) => line.includes(root)).map((line) => `mount ${line.split(" ")[4]}`),
    ...groupsNamed(group).map((path) => `group ${path}`),
    ...(hasTable(table) ? [`table ${table}`] : []),
  ];
}

/** Kinds of open files with their numbers, the most frequent first. */
export function describeDescriptors(pid: number): string {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = targetOf(`/proc/${pid}/fd/${fd}`).replaceAll(/\d+|\[.*\]|t\d+/g, "");
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const sorted = [...kinds].sort(([, a], [, b]) => b - a).slice(0, KINDS_MAX);
  return sorted.map(([kind, count]) => `${count} ${kind}`).join(", ");
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "closed";
  }
}

function groupsNamed(name: string): readonly string[] {
  const base = "/sys/fs/cgroup";
  const hierarchies = existsSync(base) ? ["", ...readdirSync(base)] : [];
  return hierarchies
    .map((each) => join(base, each, "ten", name))
    .filter((path) => existsSync(path));
}

function hasTable(name: string): boolean {
  if (!isRoot || Bun.which("nft") === null) return false;
  return Bun.spawnSync(["nft", "list", "tables"]).stdout.toString().includes(name);
}
