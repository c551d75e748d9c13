// The quota on an instance's storage: when it is exceeded, the warnings, and when to measure again.
import { unreachable } from "../core/assert.ts";
import type { Service } from "../core/service.ts";

/** "near": from 80 % of the quota on; "full": nothing more should be stored. */
export type Fullness = "roomy" | "near" | "full";

const NEAR_SHARE = 0.8;
/** A file system refuses writes a little before it is full: it reserves some blocks. */
const HARD_FULL_SHARE = 0.98;
/** The share of the quota that has to become free before the same threshold is reported again. */
const HYSTERESIS_SHARE = 0.05;

/** While the size changes, and while it stays the same: then each look waits twice as long as the one before. */
const LOOK_AGAIN_MIN_MS = 15_000;
const LOOK_AGAIN_MAX_MS = 60_000;
/** Measuring takes at most this share of the time, however many files there are. */
const MEASURING_SHARE = 0.05;

export interface StorageUse {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  /** False: not everything was seen, so it uses at least that much. */
  readonly isWhole: boolean;
}

/** Rises at a threshold, and falls only well below it: a size that oscillates around it is reported once. */
export function decideFullness(
  before: Fullness,
  { use, service }: { use: StorageUse; service: Pick<Service, "storageEnforce"> },
): Fullness {
  const share = use.usedBytes / use.quotaBytes;
  const fullShare = service.storageEnforce === "hard" ? HARD_FULL_SHARE : 1;
  const near = before === "roomy" ? NEAR_SHARE : NEAR_SHARE - HYSTERESIS_SHARE;
  const full = before === "full" ? fullShare - HYSTERESIS_SHARE : fullShare;
  if (share >= full) return "full";
  return share >= near ? "near" : "roomy";
}

/** An instance over its quota must not run, where its service says so. */
export function mustStop(
  { usedBytes, quotaBytes }: StorageUse,
  { storageEnforce }: Pick<Service, "storageEnforce">,
): boolean {
  return storageEnforce === "stop" && usedBytes >= quotaBytes;
}

const RANKS: Readonly<Record<Fullness, number>> = { roomy: 0, near: 1, full: 2 };

export function isFuller(now: Fullness, before: Fullness): boolean {
  return RANKS[now] > RANKS[before];
}

/** `83.1 of 100.0 MiB (83 %)` */
export function renderUse({ isWhole, quotaBytes, usedBytes }: StorageUse): string {
  const percent = Math.floor((usedBytes / quotaBytes) * 100);
  const used = `${isWhole ? "" : "at least "}${mebibytes(usedBytes)}`;
  return `${used} of ${mebibytes(quotaBytes)} MiB (${percent} %)`;
}

/** The message about an instance whose storage fills up, or hides its size; null while there is room. */
export function describeFullness(
  fullness: Fullness,
  { use, service }: { use: StorageUse; service: Pick<Service, "storageEnforce"> },
): string | null {
  switch (fullness) {
    case "roomy":
      return use.isWhole ? null : `storage can't be measured as a whole: ${renderUse(use)}`;
    case "near":
      return `storage fills up: ${renderUse(use)}`;
    case "full":
      return service.storageEnforce === "hard"
        ? `storage is full: ${renderUse(use)}`
        : `storage is over its quota: ${renderUse(use)}`;
    default:
      return unreachable(fullness);
  }
}

/** @param before null before the first look */
export function nextLookMs(
  before: { readonly delayMs: number; readonly usedBytes: number } | null,
  { usedBytes, tookMs }: { usedBytes: number; tookMs: number },
): number {
  const isSame = before !== null && before.usedBytes === usedBytes;
  const wanted = isSame ? Math.min(before.delayMs * 2, LOOK_AGAIN_MAX_MS) : LOOK_AGAIN_MIN_MS;
  return Math.max(wanted, tookMs / MEASURING_SHARE);
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
