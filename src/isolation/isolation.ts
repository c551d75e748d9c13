// The levels of isolation: one object for each, and the parts that they share.
import { unreachable } from "../core/assert.ts";
import { type InstanceRef, PLACES, type SlotRef } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import { systemClock } from "../platform/clock.ts";
import { openHost } from "../platform/host.ts";
import { isRoot } from "../platform/owner.ts";
import { Trash } from "../platform/process/trash.ts";
import { Trees } from "../platform/process/trees.ts";
import { ControlGroups } from "./cgroup/groups.ts";
import { LaunchDirectories } from "./launcher/launcher-directory.ts";
import { findRunnable, readAgent } from "./launcher/launcher-program.ts";
import { endLaunch } from "./launcher/launcher-remains.ts";
import type { Level, Placement } from "./level.ts";
import { firecrackerLevel } from "./machine/firecracker.ts";
import { qemuLevel } from "./machine/qemu.ts";
import { ProcessLevel } from "./process-level.ts";
import { hostPrograms } from "./programs/host-programs.ts";
import type { ProgramFiles } from "./programs/program-files.ts";
import { SandboxLevel } from "./sandbox/sandbox.ts";
import { AccountFiles } from "./walls/account-files.ts";
import { NamespaceLevel } from "./walls/namespace.ts";
import { limitsByNamespace } from "./walls/process-limit.ts";
import { TenantPlaces } from "./walls/tenant-places.ts";

export interface IsolationParts {
  readonly dataDir: string;
  /** The instance's own user, where the server is root. */
  readonly userIdOf: (ref: InstanceRef) => number;
  /** The `write_paths` of all services. */
  readonly writePaths: () => readonly string[];
  /** Whether instances of any service may bind ports of the host that are not their own. */
  readonly sharesPorts: () => boolean;
  /** The server's own files, which no walled tenant sees. */
  readonly serverFiles: () => readonly string[];
  /** Installs the launcher; null where this build has none. */
  readonly installLauncher: () => string | null;
  /** Reports an error that no caller waits for. */
  readonly report: (event: unknown) => void;
}

export class Isolation implements Disposable {
  /** Measures and deletes files of tenants. */
  readonly trees: Trees;
  readonly trash: Trash;
  readonly #parts: IsolationParts;
  readonly #accounts: AccountFiles;
  readonly #groups: ControlGroups;
  readonly #launches: LaunchDirectories;
  readonly #namespace: Level;
  readonly #process: Level;
  readonly #qemu: Level;
  readonly #firecracker: Level;
  readonly #sandbox: Level;

  constructor(parts: IsolationParts) {
    this.#parts = parts;
    this.#groups = new ControlGroups(parts);
    const findLauncher = findRunnable(parts.installLauncher);
    this.trees = new Trees({ findLauncher, confine: () => this.#groups.background() });
    this.trash = new Trash({ ...parts, clock: systemClock, trees: this.trees });
    this.#launches = new LaunchDirectories(parts.dataDir, this.trash);
    this.#accounts = new AccountFiles(parts.dataDir);
    const accounts = this.#accounts;
    const shared = {
      ...parts,
      accounts,
      findLauncher,
      groups: this.#groups,
      launches: this.#launches,
    };
    const walls = new NamespaceLevel(shared);
    this.#namespace = walls;
    this.#process = new ProcessLevel(shared);
    const { dataDir } = parts;
    const machine = { dataDir, walls, host: openHost({ dataDir }), readAgent: readAgent };
    this.#qemu = qemuLevel(machine);
    this.#firecracker = firecrackerLevel(machine);
    this.#sandbox = new SandboxLevel(walls);
  }

  /** The host's programs, for one search; no file that a tenant may have made is read. */
  programs(): ProgramFiles {
    const { dataDir, writePaths } = this.#parts;
    const places = new TenantPlaces({ dataDir, writePaths: writePaths() });
    return hostPrograms((path) => places.contains(path));
  }

  /** Whether the default limit of processes holds behind walls. */
  get limitsProcesses(): boolean {
    return isRoot() || limitsByNamespace() || this.#groups.canLimitByDefault("pids");
  }

  /** The level of a service. No level falls back to a weaker one, whatever the host lacks. */
  level({ isolation }: Service): Level {
    switch (isolation) {
      case "process":
        return this.#process;
      case "namespace":
        return this.#namespace;
      case "sandbox":
        return this.#sandbox;
      case "qemu":
        return this.#qemu;
      case "firecracker":
        return this.#firecracker;
      default:
        return unreachable(isolation);
    }
  }

  /** Makes a disk that the instance's first launch needs; null: there is none to make. */
  makeDisk(order: Pick<Placement, "ref" | "service">): Promise<void> | null {
    return this.level(order.service).makeDisk?.(order) ?? null;
  }

  /**
   * Ends the launches of earlier servers that are not kept, and removes their control groups. Resolves with the reasons
   * why it could not.
   */
  async sweep(kept: readonly SlotRef[]): Promise<readonly unknown[]> {
    this.#launches.clean();
    const files = this.#launches.statusFilesExcept(kept);
    const ended = await Promise.allSettled(files.map(endLaunch));
    const removed = await this.#groups.sweep(kept);
    this.trash.empty();
    return [...ended, ...removed].flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason] : [],
    );
  }

  /** The directories of an instance's launches in which it may write. */
  scratchOf(ref: InstanceRef): readonly string[] {
    return PLACES.flatMap((slot) => {
      const { socketsDir, tmpDir } = this.#launches.paths({ ref, slot });
      return [tmpDir, socketsDir];
    });
  }

  /** Removes the files of an instance's launches and of its account. */
  forget(ref: InstanceRef): void {
    this.#accounts.forget(ref);
    for (const slot of PLACES) this.#launches.remove({ ref, slot });
  }

  /** Removes the control groups; only after all launches have ended. */
  [Symbol.dispose](): void {
    this.#groups.close();
  }
}
