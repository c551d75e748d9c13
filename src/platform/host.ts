// The host as an examination sees it: files that the kernel answers from, and installed programs.
import { existsSync, readFileSync } from "node:fs";
import type { Gap } from "../core/failure.ts";
import { findHostKernel } from "./kernel/guest-kernel.ts";
import { findKvmObstacle, readVirtualization } from "./kernel/kvm.ts";
import { landlockVersion } from "./kernel/landlock.ts";
import { isRoot } from "./owner.ts";

/** Where administrators' programs are, which the PATH of ordinary users often lacks. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Host {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  /** Version of the kernel's Landlock interface; null where it has none. */
  readonly landlock: number | null;
  /** The server's; it need not exist. */
  readonly dataDir: string;
  /** The text of a file, without white space around it; null when it can't be read. */
  read(path: string): string | null;
  exists(path: string): boolean;
  /** What keeps virtual machines from running at speed; null: nothing. */
  findKvmObstacle(): Gap | null;
  /** The kernel that virtual machines start with; null where there is none for them. */
  findGuestKernel(): string | null;
  /** The full path of a program; null when it is not installed. */
  which(program: string): string | null;
}

/** @param root what stands for `/` as far as files are concerned */
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
    read: (file) => readText(root + file),
    exists: (file) => existsSync(root + file),
    findKvmObstacle: () => findKvmObstacle(readVirtualization()),
    findGuestKernel: () => findHostKernel()?.path ?? null,
    which: (program) => Bun.which(program, { PATH: `${path}:${SYSTEM_PATH}` }),
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
