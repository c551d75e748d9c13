// Examines the limits of control groups: tries each in a temporary group.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gap } from "../core/failure.ts";
import type { Service } from "../core/service.ts";
import type { Limit } from "../isolation/cgroup/cgroup-limits.ts";
import { ControlGroup } from "../isolation/cgroup/group.ts";
import { ControlGroups } from "../isolation/cgroup/groups.ts";
import { findHierarchies } from "../isolation/cgroup/hierarchies.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine, type Need } from "./finding.ts";

interface Trial {
  readonly key: Limit["key"] & Need;
  readonly title: string;
  readonly configured: Partial<Service>;
  /** The harm that a tenant can do without the limit. */
  readonly meaning: string;
}

/** With values that any host can provide. */
const TRIALS: readonly Trial[] = [
  {
    key: "memory_limit_mb",
    title: "memory",
    configured: { memoryLimitBytes: 64 * 1024 ** 2 },
    meaning: "A tenant can take all memory",
  },
  {
    key: "cpu_shares",
    title: "share of the processors",
    configured: { cpuShares: 100 },
    meaning: "A tenant can slow the others down",
  },
  {
    key: "cpu_limit",
    title: "processors",
    configured: { cpuLimit: 0.5 },
    meaning: "A tenant can take all processors",
  },
  {
    key: "pids_limit",
    title: "processes",
    configured: { pidsLimit: 64 },
    meaning: "A tenant can start processes until no other process can start",
  },
  {
    key: "io_weight",
    title: "share of the disk",
    configured: { ioWeight: 100 },
    meaning: "A tenant can slow the disk down for the others",
  },
];

type Attempt = (trial: Trial) => Gap | null;

export function examineLimits(host: Host, attempt: Attempt = attemptLimit): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const tried = TRIALS.map((trial) => describeTrial(trial, attempt(trial)));
  return [describeGroups(host), ...tried, ...describeSwap(host)];
}

/** The hierarchies and the controllers of each; the trials show whether they work. */
function describeGroups(host: Host): Finding {
  const finding = { id: "limits.groups", group: "limits", title: "control groups" } as const;
  const uid = host.isRoot ? null : (process.geteuid?.() ?? 0);
  const { found, lacks } = findHierarchies({ uid, read: (path) => host.read(path) });
  const texts = found.map(({ controllers, version }) => {
    const what =
      controllers.length === 0 ? "which finds and ends processes" : controllers.join(", ");
    return `version ${version}: ${what}`;
  });
  if (texts.length > 0) return fine({ ...finding, found: texts.join("; ") });
  return {
    ...finding,
    state: "warning",
    found: lacks.reason,
    meaning: "Nothing can be limited, and processes are found by a mark in their environment",
    remedy: lacks.remedy,
    blocks: [],
  };
}

function describeTrial({ key, meaning, title }: Trial, gap: Gap | null): Finding {
  const finding = { id: `limits.${key}`, group: "limits", title } as const;
  if (gap === null) return fine({ ...finding, found: `tried: ${key} holds` });
  const { reason, remedy } = gap;
  return { ...finding, state: "missing", found: reason, meaning, remedy, blocks: [key] };
}

function attemptLimit({ configured }: Trial): Gap | null {
  const dataDir = mkdtempSync(join(tmpdir(), "ten-doctor-"));
  const groups = new ControlGroups({ dataDir });
  try {
    const made = groups.attempt(launchOf(configured), 0);
    if (!(made instanceof ControlGroup)) return made;
    made.remove();
    return null;
  } finally {
    groups.close();
    rmSync(dataDir, { recursive: true });
  }
}

function launchOf(configured: Partial<Service>) {
  const unlimited = {
    name: "doctor",
    memoryLimitBytes: null,
    cpuShares: null,
    cpuLimit: null,
    pidsLimit: 0,
    ioWeight: null,
    ...configured,
  };
  const ref = { service: "doctor", id: "check" };
  // Groups read only the limits of a service.
  return { service: unlimited as Service, ref, slot: 0, port: 0, extraPorts: [] } as const;
}

/** If swap space does not count as memory, a tenant over its memory limit fills the swap space of all. */
function describeSwap(host: Host): readonly Finding[] {
  const finding = { id: "limits.swap", group: "limits", title: "swap space" } as const;
  const hasSwap = (host.read("/proc/swaps") ?? "").split("\n").length > 1;
  if (!hasSwap) return [fine({ ...finding, found: "none" })];
  const isOff = /\bswapaccount=0\b/.test(host.read("/proc/cmdline") ?? "");
  const memory = "/sys/fs/cgroup/memory";
  const isUncounted =
    host.exists(`${memory}/memory.limit_in_bytes`) &&
    !host.exists(`${memory}/memory.memsw.limit_in_bytes`);
  if (!isOff && !isUncounted) return [fine({ ...finding, found: "counted as memory" })];
  return [
    {
      ...finding,
      state: "warning",
      found: "not counted",
      meaning: "A tenant over its memory_limit_mb goes on in the swap space that all share",
      remedy: "boot with swapaccount=1\nswapoff -a",
      blocks: [],
    },
  ];
}
