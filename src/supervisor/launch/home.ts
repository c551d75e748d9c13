// The files of an instance: its volume, its directory, and the files that the server keeps for it.
import { rm } from "node:fs/promises";
import { instanceDirOf } from "../../core/instance-paths.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import { removeOutput } from "../../platform/process/output-pipes.ts";
import { measureDirectory } from "../../storage/measure.ts";
import type { VolumeOrder, Volumes } from "../../storage/volumes.ts";

export interface InstanceHomeParts {
  readonly dataDir: string;
  readonly volumes: Volumes;
  readonly isolation: Pick<Isolation, "forget">;
  /** Gives up the user id of an instance whose data are deleted. */
  readonly releaseUserId: (ref: InstanceRef) => void;
}

export class InstanceHome {
  readonly #parts: InstanceHomeParts;

  constructor(parts: InstanceHomeParts) {
    this.#parts = parts;
  }

  directory(ref: InstanceRef): string {
    return instanceDirOf({ ref, dataDir: this.#parts.dataDir });
  }

  /** Mounts the volume of an instance for a launch; null: there is nothing to wait for. Rejects with a TenError. */
  prepare(order: VolumeOrder): Promise<void> | null {
    return this.#parts.volumes.open(order);
  }

  /** Unmounts the volume of an instance at rest. */
  close(ref: InstanceRef): void {
    // A volume that can't be unmounted stays, and the next start uses it.
    this.#parts.volumes.close(ref)?.catch(() => undefined);
  }

  /** How much an instance stores, in bytes. */
  async measure(ref: InstanceRef): Promise<number> {
    return await (this.#parts.volumes.measure(ref) ?? measureDirectory(this.directory(ref)));
  }

  /** Deletes the instance's own files. */
  async wipe(ref: InstanceRef): Promise<void> {
    await this.#parts.volumes.remove(ref);
    await rm(this.directory(ref), { recursive: true, force: true });
  }

  /** Deletes the files of an instance that is no longer registered, and gives up its user id. */
  async purge(ref: InstanceRef): Promise<void> {
    await this.wipe(ref);
    this.#parts.releaseUserId(ref);
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
