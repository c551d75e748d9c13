// Versions of the Linux kernel, as `uname -r` reports them.

export type KernelVersion = readonly [major: number, minor: number];

/** From it on, RLIMIT_NPROC counts the processes of a user namespace on their own. */
export const PROCESSES_PER_NAMESPACE: KernelVersion = [5, 14];

export function isKernelAtLeast(release: string, [major, minor]: KernelVersion): boolean {
  const [foundMajor = 0, foundMinor = 0] = release.split(/[.-]/).map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}
