// Versions of the Linux kernel, as `uname -r` reports them.

export type KernelVersion = readonly [major: number, minor: number];

/** From it on, RLIMIT_NPROC counts the processes of a user namespace on their own. */
export const PROCESSES_PER_NAMESPACE: KernelVersion = [5, 14];
/** From them on, an overlay takes a layer with other users, and an ordinary user may mount one. */
export const LAYERS_AS_ROOT: KernelVersion = [5, 19];
export const LAYERS_ROOTLESS: KernelVersion = [5, 11];

export function isKernelAtLeast(release: string, [major, minor]: KernelVersion): boolean {
  const [foundMajor = 0, foundMinor = 0] = release.split(/[.-]/).map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}
