// The directory of a launch, the server's own: the launcher's status file, and files of the level.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ChildRef } from "../../core/life/instance.ts";
import { isUnder } from "../../core/paths.ts";
import { type SlotRef, slotName } from "../../core/ref.ts";
import type { IsolationLevel } from "../../core/service.ts";
import { listMounts } from "../../platform/mounts.ts";
import { readLaunchStatus } from "./launcher-status.ts";

export interface LaunchPaths {
  readonly top: string;
  readonly statusFile: string;
  readonly tmpDir: string;
  readonly socketsDir: string;
  /** The application's socket, once the server has checked its type. */
  readonly socket: string;
  /** The launcher's socket, from which it forwards into a private network. */
  readonly entry: string;
}

export class LaunchDirectories {
  /** Below the data directory; no service can have this name. */
  readonly #directory: string;
  readonly #trash: string;

  constructor(dataDir: string) {
    this.#directory = `${dataDir}/.walls`;
    this.#trash = `${this.#directory}/.trash`;
  }

  paths(launch: SlotRef): LaunchPaths {
    const top = `${this.#directory}/${launch.ref.service}/${slotName(launch)}`;
    return {
      top,
      statusFile: `${top}/status`,
      tmpDir: `${top}/tmp`,
      socketsDir: `${top}/sockets`,
      socket: `${top}/socket`,
      entry: `${top}/entry`,
    };
  }

  /** Makes the directory of a launch at a level, without files of an earlier launch. */
  make(launch: SlotRef, level: IsolationLevel): LaunchPaths {
    this.remove(launch);
    const paths = this.paths(launch);
    mkdirSync(paths.top, { recursive: true, mode: 0o700 });
    writeFileSync(join(paths.top, "level"), level);
    // It exists from the start, so that it can be watched.
    writeFileSync(paths.statusFile, "", { mode: 0o600 });
    return paths;
  }

  /** The level of a process that an earlier server started with the launcher; null: it was started without. */
  levelOf(launch: SlotRef, child: ChildRef): string | null {
    const { statusFile, top } = this.paths(launch);
    const { launcher } = readLaunchStatus(statusFile);
    if (launcher?.pid !== child.pid || launcher.startTime !== child.startTime) return null;
    return readFileSync(join(top, "level"), "utf8");
  }

  /**
   * Removes a launch's files: moved away at once, so that the next launch can begin, and deleted in the background.
   */
  remove(launch: SlotRef): void {
    const { top } = this.paths(launch);
    if (!existsSync(top)) return;
    mkdirSync(this.#trash, { recursive: true, mode: 0o700 });
    const discarded = join(this.#trash, crypto.randomUUID());
    renameSync(top, discarded);
    discard(discarded);
  }

  /** The status files of all launches but some. */
  statusFilesExcept(kept: readonly SlotRef[]): readonly string[] {
    if (!existsSync(this.#directory)) return [];
    const files = new Set(kept.map((launch) => this.paths(launch).statusFile));
    const found = new Bun.Glob("*/*/status").scanSync({ cwd: this.#directory, absolute: true });
    return [...found].filter((file) => !files.has(file));
  }

  /** Removes what an earlier server moved away without deleting it. */
  clean(): void {
    if (!existsSync(this.#trash)) return;
    for (const name of readdirSync(this.#trash)) discard(join(this.#trash, name));
  }
}

/** Deletes in the background; the next server deletes what is left after a failure. */
function discard(path: string): void {
  if (hasMounts(path)) return;
  void rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** A launch's mounts are in a namespace that ends with it. A mount found here would lead to the host's own files. */
function hasMounts(path: string): boolean {
  if (process.platform !== "linux") return false;
  return listMounts().some((mount) => isUnder(mount.path, path));
}
