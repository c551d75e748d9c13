// What the server uses of the host, and what is left of it after its end.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "../../src/platform/process/processes.ts";
import { livingMarks } from "../support/remains.ts";
import { isRoot } from "./population.ts";

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

/** Control groups and tables of all servers on this host, to be compared with those of another moment. */
export function hostObjects(): readonly string[] {
  return [...groups(), ...tables()];
}

/** Processes and mounts of a server that has ended. */
export function remainsOf(root: string, dataDir: string): readonly string[] {
  const marks = livingMarks().filter((mark) => mark.startsWith(`${dataDir}/`));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...marks.map((mark) => `process ${mark}`),
    ...mounts.filter((line) => line.includes(root)).map((line) => `mount ${line.split(" ")[4]}`),
  ];
}

function groups(): readonly string[] {
  const base = "/sys/fs/cgroup";
  const list = (path: string): readonly string[] => {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(path, name));
    } catch {
      return [];
    }
  };
  return [base, ...list(base)]
    .flatMap((path) => list(join(path, "ten")))
    .map((path) => `group ${path}`);
}

function tables(): readonly string[] {
  if (!isRoot || Bun.which("nft") === null) return [];
  const { stdout } = Bun.spawnSync(["nft", "list", "tables"]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.includes("ten"));
}
