// The directory of a launch, the server's own: the launcher's status file, and files of the level.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ChildRef } from "../../core/life/instance.ts";
import { type SlotRef, slotName } from "../../core/ref.ts";
import type { IsolationLevel } from "../../core/service.ts";
import type { Trash } from "../../platform/process/trash.ts";
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
  readonly #trash: Pick<Trash, "moveAway">;

  constructor(dataDir: string, trash: Pick<Trash, "moveAway">) {
    this.#directory = `${dataDir}/.walls`;
    this.#trash = trash;
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

  /** Removes a launch's files, at once, so that the next launch can begin. */
  remove(launch: SlotRef): void {
    this.#trash.moveAway(this.paths(launch).top);
  }

  /** The status files of all launches but some. */
  statusFilesExcept(kept: readonly SlotRef[]): readonly string[] {
    if (!existsSync(this.#directory)) return [];
    const files = new Set(kept.map((launch) => this.paths(launch).statusFile));
    const found = new Bun.Glob("*/*/status").scanSync({ cwd: this.#directory, absolute: true });
    return [...found].filter((file) => !files.has(file));
  }

  /** Removes the trash of servers up to version 0.1. */
  clean(): void {
    this.#trash.moveAway(`${this.#directory}/.trash`);
  }
}
