// What has happened since the server started: requests by instance, wakes by phase, restarts.
import { formatRef, type InstanceRef, type RefKey } from "../core/ref.ts";
import { DurationHistogram } from "./histogram.ts";

export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

export const WAKE_PHASES = ["queue", "spawn", "ready"] as const;
export type WakePhase = (typeof WAKE_PHASES)[number];

export class InstanceTraffic {
  readonly ref: InstanceRef;
  readonly requests: Record<StatusClass, number> = {
    "1xx": 0,
    "2xx": 0,
    "3xx": 0,
    "4xx": 0,
    "5xx": 0,
  };
  readonly durations = new DurationHistogram();

  constructor(ref: InstanceRef) {
    this.ref = ref;
  }
}

/** Grows with the registered instances and no further: an instance that is forgotten takes its counts along. */
export class Statistics {
  readonly traffic = new Map<RefKey, InstanceTraffic>();
  readonly wakes: Readonly<Record<WakePhase, DurationHistogram>> = {
    queue: new DurationHistogram(),
    spawn: new DurationHistogram(),
    ready: new DurationHistogram(),
  };
  restarts = 0;
  /** Requests that no instance was found for. */
  unrouted = 0;

  request(
    ref: InstanceRef | null,
    { status, durationMs }: { status: number; durationMs: number },
  ): void {
    if (ref === null) {
      this.unrouted++;
      return;
    }
    const traffic = this.#trafficOf(ref);
    traffic.requests[classOf(status)]++;
    traffic.durations.add(durationMs);
  }

  woken(phases: Readonly<Record<WakePhase, number | null>>): void {
    for (const phase of WAKE_PHASES) {
      const durationMs = phases[phase];
      if (durationMs !== null) this.wakes[phase].add(durationMs);
    }
  }

  restarted(): void {
    this.restarts++;
  }

  forget(ref: InstanceRef): void {
    this.traffic.delete(formatRef(ref));
  }

  #trafficOf(ref: InstanceRef): InstanceTraffic {
    const key = formatRef(ref);
    const known = this.traffic.get(key);
    if (known !== undefined) return known;
    const traffic = new InstanceTraffic(ref);
    this.traffic.set(key, traffic);
    return traffic;
  }
}

/** What is no HTTP status class counts as a server error. */
function classOf(status: number): StatusClass {
  return STATUS_CLASSES[Math.floor(status / 100) - 1] ?? "5xx";
}
