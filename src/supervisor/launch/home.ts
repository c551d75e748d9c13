// The files of an instance, in its directory or its volume: measures them, and deletes an instance's data.
import { existsSync } from "node:fs";
import { messageOf, TenError } from "../../core/errors.ts";
import { instanceDirOf } from "../../core/instance-paths.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import { removeOutput } from "../../platform/process/output-pipes.ts";
import type { Trash } from "../../platform/process/trash.ts";
import type { TreeSize, Trees } from "../../platform/process/trees.ts";
import type { VolumeOrder, Volumes } from "../../storage/volumes.ts";
import { persist } from "../persist.ts";

export interface InstanceHomeParts {
  readonly dataDir: string;
  readonly volumes: Volumes;
  readonly isolation: Pick<Isolation, "forget" | "makeDisk" | "scratchOf">;
  readonly trash: Pick<Trash, "discard">;
  readonly trees: Pick<Trees, "delete" | "measure">;
  /** Gives up the user id of an instance whose data are deleted. */
  readonly releaseUserId: (ref: InstanceRef) => void;
}

export class InstanceHome {
  readonly #parts: InstanceHomeParts;
  readonly #holds = new Map<RefKey, number>();

  constructor(parts: InstanceHomeParts) {
    this.#parts = parts;
  }

  directory(ref: InstanceRef): string {
    return instanceDirOf({ ref, dataDir: this.#parts.dataDir });
  }

  /** Whether files of an instance are there, perhaps of one that was registered before. */
  exists(ref: InstanceRef): boolean {
    return existsSync(this.directory(ref)) || this.#parts.volumes.exists(ref);
  }

  /** Mounts the volume and makes the disk of an instance for a launch; null: there is nothing to wait for. */
  prepare(order: VolumeOrder): Promise<void> | null {
    const { isolation, volumes } = this.#parts;
    const isAlone = order.isAlone && !this.#holds.has(formatRef(order.ref));
    const mounted = volumes.open({ ...order, isAlone });
    if (mounted === null) return isolation.makeDisk(order);
    return mounted.then(() => isolation.makeDisk(order) ?? undefined);
  }

  /** Keeps the volume of an instance mounted, also at rest, until the returned function is called. */
  hold(ref: InstanceRef, isAtRest: () => boolean): () => void {
    const key = formatRef(ref);
    this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#holds.get(key) ?? 1) - 1;
      if (left > 0) this.#holds.set(key, left);
      else this.#holds.delete(key);
      if (left === 0 && isAtRest()) this.close(ref);
    };
  }

  /** Unmounts the volume of an instance at rest, unless it is held. */
  close(ref: InstanceRef): void {
    if (this.#holds.has(formatRef(ref))) return;
    // It reports its failures itself, and does not reject.
    this.#parts.volumes.close(ref)?.catch(() => undefined);
  }

  /** How much an instance stores, its temporary files included. */
  async measure(ref: InstanceRef): Promise<TreeSize> {
    const { isolation, trees, volumes } = this.#parts;
    const usedBytes = await volumes.measure(ref);
    if (usedBytes !== null) return { bytes: usedBytes, isWhole: true };
    return await trees.measure([this.directory(ref), ...isolation.scratchOf(ref)]);
  }

  /** Removes the data of an instance at once; the trash deletes them later. */
  async wipe(ref: InstanceRef): Promise<void> {
    await this.#parts.volumes.remove(ref);
    await this.#parts.trash.discard(this.directory(ref));
  }

  /** Removes the files of an instance at rest at once, and gives up its user id; the files are deleted later. */
  async discard(ref: InstanceRef): Promise<void> {
    await this.wipe(ref);
    this.#parts.releaseUserId(ref);
  }

  /**
   * Deletes the files of an instance at rest, and gives up its user id. Rejects with STORAGE_FAILED while a file is
   * left, or the database keeps the user id; it can be repeated.
   */
  async purge(ref: InstanceRef): Promise<void> {
    const { releaseUserId, trees, volumes } = this.#parts;
    try {
      await volumes.remove(ref);
      await trees.delete([this.directory(ref)]);
    } catch (cause) {
      const state = `its files can't be deleted: ${messageOf(cause)}`;
      throw new TenError("STORAGE_FAILED", `Cannot remove "${formatRef(ref)}": ${state}`, {
        cause,
        hint: `Delete what is left by hand, then run again: ten rm --purge ${formatRef(ref)}`,
      });
    }
    persist(() => releaseUserId(ref));
  }

  /** Removes the files that the server keeps for an instance that is no longer registered. */
  forget(ref: InstanceRef): void {
    removeOutput(outputDirectoryOf(this.#parts.dataDir), ref);
    this.#parts.isolation.forget(ref);
  }
}

/** Where the output pipes are. No service can have this name, so no instance's directory is there. */
export function outputDirectoryOf(dataDir: string): string {
  return `${dataDir}/.output`;
}
