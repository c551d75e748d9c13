// Makes a volume: moves the files of an instance into an image, safe from a crash at any moment.
import { existsSync, realpathSync } from "node:fs";
import { chmod, mkdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listMounts } from "../platform/mounts.ts";
import { copyTree, flush, makeImage, mountImage, unmount } from "./volume-image.ts";
import { DATA_DIRECTORY, SCRATCH_DIRECTORIES, type VolumeLayout } from "./volume-mounts.ts";

/**
 * Moves the image and the replaced files by renaming: whenever the power fails, either the directory is whole or
 * the image is.
 */
export async function makeVolume(
  layout: VolumeLayout,
  { bytes, isAlone }: { bytes: number; isAlone: boolean },
): Promise<void> {
  const { directory, draft, former, image } = layout;
  if (!isAlone)
    throw new Error("its files can't be moved into it while it runs; stop it, and start it again");
  await mkdir(dirname(image), { recursive: true, mode: 0o700 });
  await discardDraft(layout);
  await restoreFormer(layout);
  try {
    await makeDraft(layout, bytes);
  } catch (error) {
    await discardDraft(layout);
    throw error;
  }
  if (existsSync(directory)) await rename(directory, former);
  await rename(draft, image);
  await flush(dirname(image));
}

async function makeDraft(
  { directory, draft, draftDirectory }: VolumeLayout,
  bytes: number,
): Promise<void> {
  await makeImage(draft, bytes);
  await mkdir(draftDirectory, { mode: 0o700 });
  await mountImage(draft, draftDirectory);
  await chmod(draftDirectory, 0o700);
  await fill(draftDirectory, directory);
  await unmount(draftDirectory);
  await rmdir(draftDirectory);
  await flush(draft);
}

async function fill(target: string, source: string): Promise<void> {
  await rmdir(`${target}/lost+found`);
  const data = join(target, DATA_DIRECTORY);
  await mkdir(data, { mode: 0o700 });
  // Copies the directory's own mode and owner, too.
  if (existsSync(source)) await copyTree(source, data);
  // Made now, since a full volume has no room for them.
  for (const path of SCRATCH_DIRECTORIES) {
    await mkdir(join(target, path), { recursive: true, mode: 0o700 });
  }
}

/** Removes the files of an interrupted attempt. */
export async function discardDraft({ draft, draftDirectory }: VolumeLayout): Promise<void> {
  if (existsSync(draftDirectory)) {
    const path = realpathSync(draftDirectory);
    if (listMounts().some((mount) => mount.path === path)) await unmount(path, "lazy");
    await rmdir(draftDirectory);
  }
  await rm(draft, { force: true });
}

/** Moves the files back: without an image they are the valid ones. */
async function restoreFormer({ directory, former }: VolumeLayout): Promise<void> {
  if (!existsSync(former)) return;
  // The directory may have been made anew meanwhile; removing it fails unless it is empty.
  if (existsSync(directory)) await rmdir(directory);
  await rename(former, directory);
}
