// The volumes of instances with a hard limit on storage: file systems in images, mounted while an instance is up.
import { existsSync, realpathSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import { FailureError, hintOf, startFailure } from "../core/failure.ts";
import { instanceDirOf, volumeDirOf } from "../core/instance-paths.ts";
import { formatRef, type InstanceRef, isLabel, type RefKey } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import { openHost } from "../platform/host.ts";
import { listMounts } from "../platform/mounts.ts";
import {
  BusyError,
  checkImage,
  findImageGap,
  growImage,
  isAttached,
  readImage,
} from "./volume-image.ts";
import { discardDraft, makeVolume } from "./volume-making.ts";
import {
  isMounted,
  isPartlyMounted,
  mountVolume,
  unmountVolume,
  usedOf,
  type VolumeLayout,
} from "./volume-mounts.ts";

/** The kernel releases an image a moment after the last process that had it mounted has ended. */
const RELEASE_LOOKS_MAX = 40;
const RELEASE_LOOK_MS = 50;
const BLOCK_BYTES = 512;
/** At the end of an image mkfs leaves out a rest that is too small for a group of blocks. */
const UNFILLED_MAX_BYTES = 16 * 1024 ** 2;

export interface VolumeOrder {
  readonly ref: InstanceRef;
  readonly service: Service;
  /** Whether no process of the instance runs: only then can its files be moved, or its volume grow. */
  readonly isAlone: boolean;
}

export interface VolumesParts {
  readonly dataDir: string;
  /** Frees the path of a tree, which may be deleted later. */
  readonly discard: (path: string) => Promise<void>;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
}

export class Volumes implements AsyncDisposable {
  readonly #parts: VolumesParts;
  /** The work on each instance's volume, one task after the other. */
  readonly #turns = new Map<RefKey, Promise<unknown>>();
  /** Volumes that may be mounted. */
  readonly #open = new Set<RefKey>();
  /** The bytes that an instance used when its volume was unmounted. */
  readonly #used = new Map<RefKey, number>();
  #isPossible = false;

  constructor(parts: VolumesParts) {
    this.#parts = parts;
  }

  /**
   * Mounts an instance's volume; makes it where the service demands one, and grows it to a larger quota. Null: the
   * instance needs none, and nothing is to be waited for. Rejects with LEVEL_MISSING or START_FAILED.
   */
  open(order: VolumeOrder): Promise<void> | null {
    const { ref, service } = order;
    const layout = this.#layout(ref);
    if (service.storageEnforce !== "hard" && !existsSync(layout.image)) return null;
    this.#open.add(formatRef(ref));
    return this.#inTurn(ref, async () => {
      this.#refuseImpossible();
      try {
        await this.#mount(order, layout);
      } catch (error) {
        if (error instanceof FailureError) throw error;
        const failure = startFailure(`its volume can't be mounted: ${messageOf(error)}`);
        throw new FailureError(failure, error);
      }
    });
  }

  /**
   * Unmounts the volume of an instance at rest. One that can't be unmounted stays, and the next start uses it; unless
   * it is busy, the reason is reported.
   */
  close(ref: InstanceRef): Promise<void> | null {
    if (!this.#open.delete(formatRef(ref))) return null;
    return this.#inTurn(ref, async () => {
      const layout = this.#layout(ref);
      try {
        if (isMounted(layout)) this.#used.set(formatRef(ref), await usedOf(layout));
        await unmountVolume(layout);
      } catch (error) {
        this.#open.add(formatRef(ref));
        if (!(error instanceof BusyError)) this.#parts.report(cannotUnmount(ref, error));
      }
    });
  }

  /** Deletes the volume of an instance with all of its files. */
  async remove(ref: InstanceRef): Promise<void> {
    await this.#inTurn(ref, async () => {
      const layout = this.#layout(ref);
      this.#open.delete(formatRef(ref));
      this.#used.delete(formatRef(ref));
      await unmountVolume(layout, "lazy");
      await discardDraft(layout);
      await rm(layout.image, { force: true });
      if (existsSync(layout.whole)) await rmdir(layout.whole);
      await this.#parts.discard(layout.former);
    });
  }

  /** Whether an instance has a volume. */
  exists(ref: InstanceRef): boolean {
    return existsSync(this.#layout(ref).image);
  }

  /** The bytes that an instance uses, with those of the file system itself; null: it has no volume. */
  measure(ref: InstanceRef): Promise<number> | null {
    const layout = this.#layout(ref);
    if (!existsSync(layout.image)) return null;
    return this.#inTurn(ref, async () => {
      if (isMounted(layout)) return await usedOf(layout);
      return this.#used.get(formatRef(ref)) ?? (await stat(layout.image)).blocks * BLOCK_BYTES;
    });
  }

  /** Unmounts the volumes that an earlier server left mounted, except those of instances that are kept. */
  async sweep(kept: readonly InstanceRef[]): Promise<void> {
    const keys = new Set(kept.map(formatRef));
    const left = existsSync(this.#directory) ? this.#listMounted() : [];
    for (const ref of left) this.#open.add(formatRef(ref));
    await Promise.all(left.map((ref) => (keys.has(formatRef(ref)) ? null : this.close(ref))));
  }

  /** Waits for the work that has begun; mounted volumes stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#turns.values());
  }

  /** Below the data directory; no service can have this name. */
  get #directory(): string {
    return `${this.#parts.dataDir}/.volumes`;
  }

  #layout({ service, id }: InstanceRef): VolumeLayout {
    const stem = `${this.#directory}/${service}/${id}`;
    const place = { ref: { service, id }, dataDir: this.#parts.dataDir };
    return {
      directory: instanceDirOf(place),
      whole: volumeDirOf(place),
      image: `${stem}.image`,
      draft: `${stem}.draft`,
      draftDirectory: `${stem}.draft.d`,
      former: `${stem}.former`,
    };
  }

  #listMounted(): readonly InstanceRef[] {
    const prefix = `${realpathSync(this.#parts.dataDir)}/`;
    const found = listMounts().flatMap(({ path }): InstanceRef[] => {
      const inside = path.startsWith(prefix) ? path.slice(prefix.length) : "";
      const [, service = "", id = ""] = /^(?:\.mounts\/)?([^/]+)\/([^/]+)$/.exec(inside) ?? [];
      return isLabel(service) && isLabel(id) ? [{ service, id }] : [];
    });
    const distinct = new Map(found.map((ref) => [formatRef(ref), ref]));
    return [...distinct.values()].filter((ref) => isPartlyMounted(this.#layout(ref)));
  }

  #inTurn<T>(ref: InstanceRef, task: () => Promise<T>): Promise<T> {
    const key = formatRef(ref);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(task, task);
    this.#turns.set(key, turn);
    const done = () => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    };
    turn.then(done, done);
    return turn;
  }

  #refuseImpossible(): void {
    if (this.#isPossible) return;
    const gap = findImageGap(openHost({ dataDir: this.#parts.dataDir }));
    if (gap !== null) {
      throw new FailureError({
        code: "LEVEL_MISSING",
        reason: `it can't have a volume of its own: ${gap.reason}`,
        hint: hintOf(gap, 'set storage_enforce = "stop" or "warn"'),
      });
    }
    this.#isPossible = true;
  }

  async #mount({ service, isAlone }: VolumeOrder, layout: VolumeLayout): Promise<void> {
    const { directory, former, image } = layout;
    const quotaBytes = service.storageQuotaBytes ?? 0;
    if (!existsSync(image)) await makeVolume(layout, { bytes: quotaBytes, isAlone });
    await this.#parts.discard(former);
    if (isMounted(layout)) {
      if (!isAlone || !(await isToGrow(image, quotaBytes))) return;
      await unmountVolume(layout);
    }
    if (await isToGrow(image, quotaBytes)) await growReleased(image, quotaBytes);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readdir(directory)).length > 0) {
      const reason = `the files in ${directory} would be covered by its volume`;
      throw new FailureError(startFailure(reason, "Move them elsewhere"));
    }
    await repairReleased(image);
    await mountVolume(layout);
  }
}

function cannotUnmount(ref: InstanceRef, cause: unknown): Error {
  const reason = messageOf(cause);
  return new Error(`Cannot unmount the volume of "${formatRef(ref)}": ${reason}`, { cause });
}

/** Also true when an earlier attempt has grown the image, but not its file system. */
async function isToGrow(image: string, quotaBytes: number): Promise<boolean> {
  const [{ size }, { bytes }] = await Promise.all([stat(image), readImage(image)]);
  return size < quotaBytes || bytes < size - UNFILLED_MAX_BYTES;
}

async function growReleased(image: string, bytes: number): Promise<void> {
  for (let look = 0; isAttached(image); look++) {
    // It grows at a later start.
    if (look === RELEASE_LOOKS_MAX) return;
    await pause(RELEASE_LOOK_MS);
  }
  await growImage(image, bytes);
}

/** Repairs an image that is not mounted. A mounted one is not clean, but needs no repair. */
async function repairReleased(image: string): Promise<void> {
  const { isClean } = await readImage(image);
  if (!isClean && !isAttached(image)) await checkImage(image);
}
