// Mounts a volume twice: as a whole for the server alone, and its data at the instance's directory.
import { existsSync, realpathSync } from "node:fs";
import { mkdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { SLOTS } from "../core/ref.ts";
import { backingFileOf, listMounts } from "../platform/mounts.ts";
import { bindDirectory, mountImage, unmount } from "./volume-image.ts";

/** The paths of a volume. */
export interface VolumeLayout {
  /** The instance's directory, where its files in the volume are mounted. */
  readonly directory: string;
  /** Where the volume is mounted as a whole. */
  readonly whole: string;
  readonly image: string;
  /** An incomplete image, and the directory where it is mounted meanwhile. */
  readonly draft: string;
  readonly draftDirectory: string;
  /** The instance's directory from before it had an image. */
  readonly former: string;
}

/** In a volume: the instance's own files. The tenant can't write the directory above them. */
export const DATA_DIRECTORY = "data";
/** For each slot of the instance: the directories in which a launch may write for a while. */
export const SCRATCH_DIRECTORIES = SLOTS.flatMap((slot) => [`${slot}/tmp`, `${slot}/sockets`]);

export function isMounted(layout: VolumeLayout): boolean {
  return isMountedAt(layout, layout.directory);
}

/** Also after an attempt that ended between the two mounts. */
export function isPartlyMounted(layout: VolumeLayout): boolean {
  return isMounted(layout) || isMountedAt(layout, layout.whole);
}

export async function mountVolume(layout: VolumeLayout): Promise<void> {
  const { directory, image, whole } = layout;
  await mkdir(whole, { recursive: true, mode: 0o700 });
  if (!isMountedAt(layout, whole)) await mountImage(image, whole);
  await bindDirectory(join(whole, DATA_DIRECTORY), directory);
}

/** Throws when a process stays in it, unless it is to be unmounted lazily. */
export async function unmountVolume(
  layout: VolumeLayout,
  how: "strict" | "lazy" = "strict",
): Promise<void> {
  for (const path of [layout.directory, layout.whole]) {
    if (isMountedAt(layout, path)) await unmount(path, how);
  }
}

/** The size less the space that can still be written, so that a file system without room is full. */
export async function usedOf({ directory, image }: VolumeLayout): Promise<number> {
  const [{ bavail, bsize }, { size }] = await Promise.all([statfs(directory), stat(image)]);
  return Math.max(0, size - bavail * bsize);
}

function isMountedAt({ image }: VolumeLayout, place: string): boolean {
  if (!existsSync(place) || !existsSync(image)) return false;
  const path = realpathSync(place);
  const top = listMounts().findLast((mount) => mount.path === path);
  return top !== undefined && backingFileOf(top.source) === realpathSync(image);
}
