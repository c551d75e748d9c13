// Examines the clock: whether it is set, and synchronised.
import type { Host } from "../platform/host.ts";
import { isClockSynchronised } from "../platform/kernel/time-sync.ts";
import { type Finding, fine } from "./finding.ts";

/** The program is newer than this year: an earlier clock was never set. */
const EARLIEST_YEAR = 2024;

interface ClockFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Null: unknown. */
  readonly isSynchronised: boolean | null;
}

export function examineClock(
  _: Host,
  facts: ClockFacts = { now: Date.now(), isSynchronised: isClockSynchronised() },
): readonly Finding[] {
  const date = new Date(facts.now);
  const finding = { id: "clock", group: "host", title: "clock", blocks: [] } as const;
  const remedy = "timedatectl set-ntp true\napt-get install chrony";
  if (date.getUTCFullYear() < EARLIEST_YEAR) {
    const found = `it says ${date.toISOString().slice(0, 10)}`;
    const meaning = "Logs get wrong times, and HTTPS to other servers fails";
    return [{ ...finding, state: "warning", found, meaning, remedy }];
  }
  if (facts.isSynchronised !== false) {
    const found = facts.isSynchronised === null ? "set" : "synchronised";
    return [fine({ ...finding, found })];
  }
  const meaning = "It may drift; logs of several hosts won't fit together";
  return [{ ...finding, state: "warning", found: "not synchronised", meaning, remedy }];
}
