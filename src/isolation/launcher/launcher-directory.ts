// The directory of one launch, the server's own: the launcher's status file, and what a level of isolation keeps beside
// it.
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
  /** The application's socket, once the server has seen that it is one. */
  readonly socket: string;
  /** The launcher's socket, where it forwards into a private network. */
  readonly entry: string;
}

export class LaunchDirectories {
  /** Under the data directory, with a name that no service can have. */
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

  /** Makes the directory of a launch at a level, without what an earlier launch has left. */
  make(launch: SlotRef, level: IsolationLevel): LaunchPaths {
    this.remove(launch);
    const paths = this.paths(launch);
    mkdirSync(paths.top, { recursive: true, mode: 0o700 });
    writeFileSync(join(paths.top, "level"), level);
    // It is there from the start, so that it can be watched.
    writeFileSync(paths.statusFile, "", { mode: 0o600 });
    return paths;
  }

  /** At which level a process of an earlier server was started by the launcher; null: it was not. */
  levelOf(launch: SlotRef, child: ChildRef): string | null {
    const { statusFile, top } = this.paths(launch);
    const { launcher } = readLaunchStatus(statusFile);
    if (launcher?.pid !== child.pid || launcher.startTime !== child.startTime) return null;
    return readFileSync(join(top, "level"), "utf8");
  }

  /** Removes what a launch has left; synchronous as far as the next launch minds. */
  remove(launch: SlotRef): void {
    const { top } = this.paths(launch);
    if (!existsSync(top)) return;
    mkdirSync(this.#trash, { recursive: true, mode: 0o700 });
    const doomed = join(this.#trash, crypto.randomUUID());
    renameSync(top, doomed);
    discard(doomed);
  }

  /** Removes what an earlier server did not get to remove. */
  clean(): void {
    if (!existsSync(this.#trash)) return;
    for (const name of readdirSync(this.#trash)) discard(join(this.#trash, name));
  }
}

/** Deletes in the background; what a failure leaves is tried again by the next server. */
function discard(path: string): void {
  if (hasMounts(path)) return;
  void rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/**
 * Mounts of a launch are in a namespace that ends with it. Should one ever be found here, its files are the host's
 * own.
 */
function hasMounts(path: string): boolean {
  if (process.platform !== "linux") return false;
  return listMounts().some((mount) => isUnder(mount.path, path));
}
