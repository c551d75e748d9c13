// How a volume comes to be: the files that an instance has move into an image, and none of them is ever in danger.
import { existsSync, realpathSync } from "node:fs";
import { chmod, mkdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { listMounts } from "../platform/mounts.ts";
import { copyTree, flush, makeImage, mountImage, unmount } from "./volume-image.ts";

/** Where what belongs to a volume is. */
export interface VolumeLayout {
  /** Where it is mounted. */
  readonly directory: string;
  readonly image: string;
  /** An image that is not complete yet, and where it is mounted meanwhile. */
  readonly draft: string;
  readonly draftDirectory: string;
  /** What the instance's directory held before it had an image. */
  readonly former: string;
}

/**
 * The image first has another name, and so have the files that it takes the place of: whatever moment the power fails
 * at, either
 * the directory is whole, or the image is.
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
  await fill(draftDirectory, directory);
  await unmount(draftDirectory);
  await rmdir(draftDirectory);
  await flush(draft);
}

async function fill(target: string, source: string): Promise<void> {
  await rmdir(`${target}/lost+found`);
  // Also the directory's own mode and owner.
  if (existsSync(source)) await copyTree(source, target);
  else await chmod(target, 0o700);
}

/** What an interrupted attempt has left. */
export async function discardDraft({ draft, draftDirectory }: VolumeLayout): Promise<void> {
  if (existsSync(draftDirectory)) {
    const path = realpathSync(draftDirectory);
    if (listMounts().some((mount) => mount.path === path)) await unmount(path, "lazy");
    await rmdir(draftDirectory);
  }
  await rm(draft, { force: true });
}

/** There is no image, so the files are still what counts. */
async function restoreFormer({ directory, former }: VolumeLayout): Promise<void> {
  if (!existsSync(former)) return;
  // Somebody may have made it anew meanwhile; if there is anything in it, this fails.
  if (existsSync(directory)) await rmdir(directory);
  await rename(former, directory);
}
