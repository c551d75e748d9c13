// Watches instances that have a storage quota: measures running ones, warns, and halts those over their quota.
import { type Failure, InstanceError, unavailable } from "../core/failure.ts";
import { type Event, type InstanceState, isAtRest, isEnding } from "../core/life/instance.ts";
import { canHalt } from "../core/life/orders.ts";
import { formatRef, type InstanceRef, type RefKey } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import type { AuditTable } from "../database/audit.ts";
import type { LogHub } from "../logs/hub.ts";
import type { Clock } from "../platform/clock.ts";
import type { TreeSize } from "../platform/process/trees.ts";
import type { StorageGauge } from "./gauge.ts";
import {
  decideFullness,
  describeFullness,
  type Fullness,
  isFuller,
  mustStop,
  nextLookMs,
  renderUse,
  type StorageUse,
} from "./quota.ts";

/** Looks at the same time: each keeps a thread of the file system busy, and tenants need the disk, too. */
const LOOKS_MAX = 2;

/** The part of an instance that concerns its storage. */
export interface Storing {
  readonly ref: InstanceRef;
  readonly service: Service;
  readonly instance: { readonly state: InstanceState };
  send(event: Event): void;
}

export interface StorageWatchParts {
  readonly clock: Clock;
  readonly gauge: StorageGauge;
  readonly logs: Pick<LogHub, "note">;
  readonly audit: Pick<AuditTable, "record">;
  /** Reports an event to the operator. */
  readonly report: (event: unknown) => void;
}

interface Track {
  readonly instance: Storing;
  fullness: Fullness;
  /** The latest measurement, whoever asked for it; null before the first. */
  size: TreeSize | null;
  /** The watch's own latest look, and the delay before the next one. */
  last: { readonly usedBytes: number; readonly delayMs: number } | null;
  phase: Phase;
}

type Phase =
  /** It has no process. */
  | { readonly kind: "resting" }
  /** `cancel`: of the timer of its next look. */
  | { readonly kind: "running"; readonly cancel: () => void };

const RESTING: Phase = { kind: "resting" };

export class StorageWatch {
  readonly #parts: StorageWatchParts;
  /** Of instances with a quota that have run. */
  readonly #tracks = new Map<RefKey, Track>();
  /** Looks that are due, the longest waiting first. */
  readonly #due = new Set<Track>();
  #looking = 0;

  constructor(parts: StorageWatchParts) {
    this.#parts = parts;
  }

  /** Watches an instance while it runs, and looks once more when it has come to rest. */
  follow(instance: Storing, state: InstanceState): void {
    if (isAtRest(state)) this.#parts.gauge.expire(instance.ref);
    if (instance.service.storageQuotaBytes === null) {
      this.#drop(instance.ref);
      return;
    }
    if (state.kind === "running") this.#up(this.#trackOf(instance));
    else if (!isEnding(state)) this.#down(instance.ref);
  }

  /** Measures now, then warns or halts as the result demands. */
  async measure(instance: Storing): Promise<TreeSize> {
    const track = instance.service.storageQuotaBytes === null ? null : this.#trackOf(instance);
    const size = await this.#parts.gauge.measure(instance.ref);
    const { storageQuotaBytes: quotaBytes } = instance.service;
    // Meanwhile the instance may have been removed.
    const isTracked = this.#tracks.get(formatRef(instance.ref)) === track;
    if (track !== null && isTracked && quotaBytes !== null) this.#judge(track, size, quotaBytes);
    return size;
  }

  /** Rejects with CONFLICT where an instance may not start because it is over its quota; null: it may at once. */
  admit(instance: Storing): Promise<void> | null {
    const { storageEnforce, storageQuotaBytes: quotaBytes } = instance.service;
    if (storageEnforce !== "stop" || quotaBytes === null) return null;
    return this.#refuseOverQuota(instance, quotaBytes);
  }

  async #refuseOverQuota(instance: Storing, quotaBytes: number): Promise<void> {
    const { ref, service } = instance;
    const use = useOf(await this.measure(instance), quotaBytes);
    if (!mustStop(use, service)) return;
    const reason = `its storage is over its quota: ${renderUse(use)}`;
    const failure = { code: "CONFLICT", reason, hint: makeRoom(service) } as const;
    throw new InstanceError(ref, { verb: "start", failure });
  }

  /** The last known size in bytes; null before the first measurement. */
  known(ref: InstanceRef): number | null {
    return this.#parts.gauge.known(ref);
  }

  estimate(
    refs: readonly InstanceRef[],
    isResting: (ref: InstanceRef) => boolean,
  ): Promise<ReadonlyMap<RefKey, number>> {
    return this.#parts.gauge.estimate(refs, isResting);
  }

  /** The warning that its storage fills up or is full, by the latest look; null while there is room. */
  warningOf(ref: InstanceRef): string | null {
    const track = this.#tracks.get(formatRef(ref));
    const quotaBytes = track?.instance.service.storageQuotaBytes ?? null;
    if (track === undefined || track.size === null || quotaBytes === null) return null;
    const { fullness, instance, size } = track;
    return describeFullness(fullness, {
      use: useOf(size, quotaBytes),
      service: instance.service,
    });
  }

  forget(ref: InstanceRef): void {
    this.#drop(ref);
    this.#parts.gauge.forget(ref);
  }

  #drop(ref: InstanceRef): void {
    const track = this.#tracks.get(formatRef(ref));
    if (track === undefined) return;
    this.#rest(track);
    this.#tracks.delete(formatRef(ref));
  }

  #trackOf(instance: Storing): Track {
    const key = formatRef(instance.ref);
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    const track: Track = {
      instance,
      fullness: "roomy",
      size: null,
      last: null,
      phase: RESTING,
    };
    this.#tracks.set(key, track);
    return track;
  }

  #up(track: Track): void {
    if (track.phase.kind === "running") return;
    this.#lookLater(track, nextLookMs(null, { usedBytes: 0, tookMs: 0 }));
  }

  #down(ref: InstanceRef): void {
    const track = this.#tracks.get(formatRef(ref));
    if (track?.phase.kind !== "running") return;
    this.#rest(track);
    this.#enqueue(track);
  }

  #rest(track: Track): void {
    if (track.phase.kind === "running") track.phase.cancel();
    track.phase = RESTING;
    this.#due.delete(track);
  }

  #lookLater(track: Track, delayMs: number): void {
    // It may have rested and started during a look, which is about to plan the next one as well.
    if (track.phase.kind === "running") track.phase.cancel();
    const cancel = this.#parts.clock.after(delayMs, () => this.#enqueue(track));
    track.phase = { kind: "running", cancel };
  }

  #enqueue(track: Track): void {
    this.#due.add(track);
    this.#advance();
  }

  #advance(): void {
    for (const track of this.#due) {
      if (this.#looking >= LOOKS_MAX) return;
      this.#due.delete(track);
      this.#looking++;
      this.#look(track)
        .finally(() => {
          this.#looking--;
          this.#advance();
        })
        .catch(this.#parts.report);
    }
  }

  async #look(track: Track): Promise<void> {
    const { clock, report } = this.#parts;
    const { last } = track;
    const startedAt = clock.now();
    try {
      const { bytes: usedBytes } = await this.measure(track.instance);
      const delayMs = nextLookMs(last, { usedBytes, tookMs: clock.now() - startedAt });
      track.last = { usedBytes, delayMs };
      if (track.phase.kind === "running") this.#lookLater(track, delayMs);
    } catch (error) {
      report(error);
    }
  }

  #judge(track: Track, size: TreeSize, quotaBytes: number): void {
    const { instance, fullness: before } = track;
    const { service } = instance;
    const use = useOf(size, quotaBytes);
    track.fullness = decideFullness(before, { use, service });
    track.size = size;
    const text = describeFullness(track.fullness, { use, service });
    if (text !== null && mustStop(use, service) && canHalt(instance.instance.state)) {
      this.#halt(instance, unavailable(text, makeRoom(service)));
    } else if (text !== null && isFuller(track.fullness, before)) this.#tell(instance.ref, text);
  }

  #halt(instance: Storing, failure: Failure): void {
    const { audit, clock, report } = this.#parts;
    const { reason } = failure;
    const subject = formatRef(instance.ref);
    this.#tell(instance.ref, `${reason}; it is stopped`);
    try {
      audit.record({ at: clock.wall(), actor: "server", action: "stop", subject, outcome: reason });
    } catch (error) {
      report(error);
    }
    instance.send({ kind: "halt", failure });
  }

  #tell(ref: InstanceRef, text: string): void {
    this.#parts.logs.note(ref, text);
    this.#parts.report(`${formatRef(ref)}: ${text}`);
  }
}

function useOf({ bytes, isWhole }: TreeSize, quotaBytes: number): StorageUse {
  return { usedBytes: bytes, quotaBytes, isWhole };
}

function makeRoom({ name }: Service): string {
  return `Delete some of its files, or raise storage_quota_mb in [service.${name}]`;
}
