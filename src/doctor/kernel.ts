// Examines the kernel: its version, and Landlock, which restricts ports, abstract sockets and signals.
import { LANDLOCK_PORTS, LANDLOCK_SCOPES } from "../core/walls.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

/** The oldest kernel on which the launcher can build walls. */
const KERNEL_MIN = [5, 12] as const;
/** The versions of Landlock and Linux that restrict ports, and abstract sockets and signals. */
const PORTS = { landlock: LANDLOCK_PORTS, linux: "6.7" } as const;
const SCOPES = { landlock: LANDLOCK_SCOPES, linux: "6.12" } as const;

export function examineKernel(host: Host): readonly Finding[] {
  if (host.platform === "linux") return [describeVersion(host), describeLandlock(host)];
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
  const release = host.read("/proc/sys/kernel/osrelease") ?? "unknown";
  const finding = {
    id: "kernel",
    group: "host",
    title: "kernel",
    found: `Linux ${release}`,
  } as const;
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantedMajor, wantedMinor] = KERNEL_MIN;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return fine(finding);
  return {
    ...finding,
    state: "missing",
    meaning: "Walls around tenants need Linux 5.12",
    remedy: "boot a newer kernel",
    blocks: ["isolation=namespace", "isolation=sandbox"],
  };
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
