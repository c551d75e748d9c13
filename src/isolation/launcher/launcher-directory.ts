// The directories of a launch: the server's own, with the status file, and those that the tenant may write for a while.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { instanceDirOf, volumeDirOf } from "../../core/instance-paths.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import { PLACES, type PlaceRef, type SlotRef, slotName } from "../../core/ref.ts";
import type { IsolationLevel } from "../../core/service.ts";
import type { Trash } from "../../platform/process/trash.ts";
import { readLaunchStatus } from "./launcher-status.ts";

export interface LaunchPaths {
  readonly top: string;
  readonly statusFile: string;
  readonly tmpDir: string;
  readonly socketsDir: string;
  /** The instance's directory as the server reaches its sockets. */
  readonly dataDir: string;
  /** The application's socket, once the server has checked its type. */
  readonly socket: string;
  /** The launcher's socket, from which it forwards into a private network. */
  readonly entry: string;
}

export class LaunchDirectories {
  readonly #dataDir: string;
  readonly #trash: Pick<Trash, "moveAway">;

  constructor(dataDir: string, trash: Pick<Trash, "moveAway">) {
    this.#dataDir = dataDir;
    this.#trash = trash;
  }

  paths(launch: PlaceRef): LaunchPaths {
    const place = { ref: launch.ref, dataDir: this.#dataDir };
    const top = `${this.#dataDir}/.walls/${launch.ref.service}/${slotName(launch)}`;
    const volume = volumeDirOf(place);
    const inVolume = `${volume}/${launch.slot}`;
    const isInVolume = existsSync(inVolume);
    const scratch = isInVolume ? inVolume : top;
    return {
      top,
      statusFile: `${top}/status`,
      tmpDir: `${scratch}/tmp`,
      socketsDir: `${scratch}/sockets`,
      // A hard link leads to no other mount.
      dataDir: isInVolume ? `${volume}/data` : instanceDirOf(place),
      socket: `${scratch}/socket`,
      entry: `${top}/entry`,
    };
  }

  /** Makes the directory of a launch at a level, without files of an earlier launch. */
  make(launch: PlaceRef, level: IsolationLevel): LaunchPaths {
    this.remove(launch);
    const paths = this.paths(launch);
    mkdirSync(paths.top, { recursive: true, mode: 0o700 });
    writeFileSync(join(paths.top, "level"), level);
    // It exists from the start, so that it can be watched.
    writeFileSync(paths.statusFile, "", { mode: 0o600 });
    return paths;
  }

  /** Whether no other launch of the instance has a directory. */
  isAlone({ ref, slot }: PlaceRef): boolean {
    return !PLACES.some(
      (other) => other !== slot && existsSync(this.paths({ ref, slot: other }).top),
    );
  }

  /** The level of a process that an earlier server started with the launcher; null: it was started without. */
  levelOf(launch: PlaceRef, child: ChildRef): string | null {
    const { statusFile, top } = this.paths(launch);
    const { launcher } = readLaunchStatus(statusFile);
    if (launcher?.pid !== child.pid || launcher.startTime !== child.startTime) return null;
    return readFileSync(join(top, "level"), "utf8");
  }

  /** Removes a launch's files, at once, so that the next launch can begin. */
  remove(launch: PlaceRef): void {
    const { socket, top } = this.paths(launch);
    this.#trash.moveAway(top);
    rmSync(socket, { force: true });
  }

  /** The status files of all launches but some. */
  statusFilesExcept(kept: readonly SlotRef[]): readonly string[] {
    const directory = `${this.#dataDir}/.walls`;
    if (!existsSync(directory)) return [];
    const files = new Set(kept.map((launch) => this.paths(launch).statusFile));
    const found = new Bun.Glob("*/*/status").scanSync({ cwd: directory, absolute: true });
    return [...found].filter((file) => !files.has(file));
  }

  /** Removes the trash of servers up to version 0.1. */
  clean(): void {
    this.#trash.moveAway(`${this.#dataDir}/.walls/.trash`);
  }
}
