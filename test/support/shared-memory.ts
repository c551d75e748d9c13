// The System V shared memory of victims: the host has one set of keys, so each test process has its own.

export const SHM_KEY = process.pid;

/** Removes the segment that a victim outside walls leaves, if there is one. */
export function removeSharedMemory(): void {
  Bun.spawnSync(["ipcrm", "-M", String(SHM_KEY)]);
}
