// Examines the kernel: its version, and Landlock, which restricts ports, abstract sockets and signals.
import { isKernelAtLeast, PROCESSES_PER_NAMESPACE } from "../core/kernel-release.ts";
import { PIDS_LIMIT_DEFAULT } from "../core/service.ts";
import { LANDLOCK_PORTS, LANDLOCK_SCOPES } from "../core/walls.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

/** The oldest kernel on which the launcher can build walls. */
const KERNEL_MIN = [5, 12] as const;
/** The versions of Landlock and Linux that restrict ports, and abstract sockets and signals. */
const PORTS = { landlock: LANDLOCK_PORTS, linux: "6.7" } as const;
const SCOPES = { landlock: LANDLOCK_SCOPES, linux: "6.12" } as const;

export function examineKernel(host: Host): readonly Finding[] {
  if (host.platform === "linux") {
    return [describeVersion(host), describeLandlock(host), ...describeProcesses(host)];
  }
  return [
    {
      id: "kernel",
      group: "host",
      title: "system",
      state: "missing",
      found: host.platform,
      meaning: "Walls, sandboxes, virtual machines and limits need Linux; processes run anywhere",
      remedy: null,
      blocks: [
        "isolation=namespace",
        "isolation=sandbox",
        "isolation=qemu",
        "isolation=firecracker",
        "memory_limit_mb",
        "cpu_shares",
        "cpu_limit",
        "io_weight",
        "pids_limit",
        "storage_enforce=hard",
        "network=private",
      ],
    },
  ];
}

function describeVersion(host: Host): Finding {
  const release = releaseOf(host);
  const finding = {
    id: "kernel",
    group: "host",
    title: "kernel",
    found: `Linux ${release}`,
  } as const;
  if (isKernelAtLeast(release, KERNEL_MIN)) return fine(finding);
  return {
    ...finding,
    state: "missing",
    meaning: "Walls around tenants need Linux 5.12",
    remedy: "boot a newer kernel",
    blocks: ["isolation=namespace", "isolation=sandbox"],
  };
}

/** As root, the kernel counts the processes of each instance's own user. */
function describeProcesses(host: Host): readonly Finding[] {
  if (host.isRoot) return [];
  const finding = { id: "processes", group: "namespace", title: "limit of processes" } as const;
  if (isKernelAtLeast(releaseOf(host), PROCESSES_PER_NAMESPACE)) {
    return [fine({ ...finding, found: `${PIDS_LIMIT_DEFAULT} without pids_limit` })];
  }
  return [
    {
      ...finding,
      state: "warning",
      found: "counted for all instances together, so not applied",
      meaning: "Without control groups a walled tenant can start processes until nobody else can",
      remedy: `boot Linux ${PROCESSES_PER_NAMESPACE.join(".")} or newer`,
      blocks: [],
    },
  ];
}

function releaseOf(host: Host): string {
  return host.read("/proc/sys/kernel/osrelease") ?? "unknown";
}

function describeLandlock({ landlock }: Host): Finding {
  const found = landlock === null ? "off" : `version ${landlock}`;
  const finding = { id: "landlock", group: "namespace", title: "Landlock", found } as const;
  if (landlock !== null && landlock >= SCOPES.landlock) return fine(finding);
  const blindToPorts = landlock === null || landlock < PORTS.landlock;
  return {
    ...finding,
    state: "warning",
    meaning: blindToPorts
      ? "A walled tenant can bind a free port that another is given later, and reach abstract Unix sockets"
      : "A walled tenant can reach abstract Unix sockets of other programs",
    remedy:
      landlock === null
        ? `boot Linux ${SCOPES.linux} or newer, with landlock among the modules of its lsm= parameter`
        : `boot Linux ${SCOPES.linux} or newer`,
    blocks: [],
  };
}
