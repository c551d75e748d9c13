// Examines volumes, which hard quotas need: creates, mounts and removes one.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../core/errors.ts";
import type { Gap } from "../core/failure.ts";
import type { Host } from "../platform/host.ts";
import { findImageGap, makeImage, mountImage, unmount } from "../storage/volume-image.ts";
import { type Finding, fine } from "./finding.ts";

const MIB = 1024 ** 2;

/** @param attempt tells why a volume can't be mounted; null: it can */
export async function examineVolumes(
  host: Host,
  attempt: () => Promise<Gap | null> = attemptVolume,
): Promise<readonly Finding[]> {
  if (host.platform !== "linux") return [];
  const finding = { id: "storage.volumes", group: "storage", title: "hard quotas" } as const;
  const gap = findImageGap(host) ?? (await attempt());
  if (gap === null) return [fine({ ...finding, found: "tried: a volume can be mounted" })];
  return [
    {
      ...finding,
      state: "missing",
      found: gap.reason,
      meaning: "Quotas can be watched, not enforced as a full disk",
      remedy: gap.remedy,
      blocks: ["storage_enforce=hard"],
    },
  ];
}

async function attemptVolume(): Promise<Gap | null> {
  const directory = mkdtempSync(join(tmpdir(), "ten-doctor-"));
  const [image, place] = [join(directory, "image"), join(directory, "volume")];
  try {
    mkdirSync(place);
    await makeImage(image, 4 * MIB);
    await mountImage(image, place);
    await unmount(place);
    return null;
  } catch (error) {
    await unmount(place, "lazy").catch(() => undefined);
    const remedy = "give ten the right to mount (a container needs to be privileged)";
    return { reason: messageOf(error), remedy };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
