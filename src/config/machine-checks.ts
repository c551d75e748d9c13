// Checks of the keys of virtual machines: level, network, memory, socket and files must agree.
import { type KeyPath, renderFound, valueAt } from "./document.ts";
import type { Problem } from "./problems.ts";

/** Memory of the hypervisor beside that of its machine. Emulation takes more, for translated code and devices. */
const OVERHEAD_MB = { kvm: 64, tcg: 128 } as const;
/** As in the schema. */
const MEMORY_MB_DEFAULT = 256;

/** The problems of a service in a virtual machine. */
export function checkMachine(document: unknown, service: KeyPath): Problem[] {
  const level = valueAt(document, [...service, "isolation"]);
  if (level !== "qemu" && level !== "firecracker") return [];
  return [
    ...checkNetwork(document, service),
    ...checkMemory(document, service),
    ...(level === "firecracker"
      ? checkFirecracker(document, service)
      : checkSocket(document, service)),
  ];
}

function checkNetwork(document: unknown, service: KeyPath): Problem[] {
  const path = [...service, "network"];
  if (valueAt(document, path) !== "host") return [];
  const text = 'expected "private", the only network of a virtual machine, got "host"';
  return [{ path, text }];
}

function checkMemory(document: unknown, service: KeyPath): Problem[] {
  const path = [...service, "memory_limit_mb"];
  const limit = valueAt(document, path);
  const memory = valueAt(document, [...service, "memory_mb"]) ?? MEMORY_MB_DEFAULT;
  if (typeof limit !== "number" || typeof memory !== "number") return [];
  const overhead =
    OVERHEAD_MB[valueAt(document, [...service, "qemu_accel"]) === "tcg" ? "tcg" : "kvm"];
  const least = memory + overhead;
  if (limit >= least) return [];
  const text = `expected at least ${least}, memory_mb and ${overhead} for what runs the machine, got ${limit}`;
  return [{ path, text }];
}

/** QEMU shares the host's directories by 9p, which has no sockets. */
function checkSocket(document: unknown, service: KeyPath): Problem[] {
  const path = [...service, "socket"];
  const socket = valueAt(document, path);
  if (typeof socket !== "string" || !socket.startsWith("{data_dir}")) return [];
  const text = `expected a path outside of {data_dir}, where a machine of QEMU can make no sockets, got ${renderFound(socket)}`;
  return [{ path, text }];
}

function checkFirecracker(document: unknown, service: KeyPath): Problem[] {
  const accel = valueAt(document, [...service, "qemu_accel"]);
  const emulated = {
    path: [...service, "qemu_accel"],
    text: `expected "kvm", since Firecracker can't emulate, got ${renderFound(accel)}`,
  };
  const enforce = valueAt(document, [...service, "storage_enforce"]);
  const mounted = {
    path: [...service, "storage_enforce"],
    text: `expected none, since at "firecracker" storage_quota_mb is always the size of a file system, got ${renderFound(enforce)}`,
  };
  const missing = ["kernel", "rootfs"].filter(
    (key) => valueAt(document, [...service, key]) === undefined,
  );
  return [
    ...(accel === "tcg" ? [emulated] : []),
    ...(enforce === "hard" ? [mounted] : []),
    ...missing.map((key) => ({
      path: [...service, key],
      text: `expected ${key === "kernel" ? "a kernel" : "an image"} for "firecracker", got none`,
    })),
  ];
}
