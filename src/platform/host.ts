// The host as examinations see it: kernel interfaces, files, installed programs.
import { existsSync } from "node:fs";
import type { Gap } from "../core/failure.ts";
import { readText } from "./files.ts";
import { findHostKernel } from "./kernel/guest-kernel.ts";
import { findKvmObstacle, readVirtualization } from "./kernel/kvm.ts";
import { landlockVersion } from "./kernel/landlock.ts";
import { isRoot } from "./owner.ts";
import { findProgram } from "./programs.ts";

export interface Host {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  /** The version of the kernel's Landlock interface; null where it has none. */
  readonly landlock: number | null;
  /** The server's; it need not exist. */
  readonly dataDir: string;
  /** A file's text, trimmed; null when it can't be read. */
  read(path: string): string | null;
  exists(path: string): boolean;
  /** Why machines would have to be emulated; null: they need not. */
  findKvmObstacle(): Gap | null;
  /** The newest kernel of the host that machines can start with; null where there is none. */
  findGuestKernel(): string | null;
  /** The full path of a program; null when it is not installed. */
  which(program: string): string | null;
}

/** @param root a directory in place of `/`, for files */
export function openHost({
  dataDir,
  root = "",
  path = process.env["PATH"] ?? "",
}: {
  readonly dataDir: string;
  readonly root?: string;
  readonly path?: string;
}): Host {
  return {
    platform: process.platform,
    isRoot: isRoot(),
    landlock: landlockVersion(),
    dataDir,
    read: (file) => readText(root + file)?.trim() ?? null,
    exists: (file) => existsSync(root + file),
    findKvmObstacle: () => findKvmObstacle(readVirtualization()),
    findGuestKernel: () => findHostKernel()?.path ?? null,
    which: (program) => findProgram(program, path),
  };
}
