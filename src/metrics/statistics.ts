// Counters since the start of the server: requests by instance, wakes by phase, restarts.
import { formatRef, type InstanceRef, type RefKey } from "../core/ref.ts";
import { DurationHistogram } from "./histogram.ts";

export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

export const WAKE_PHASES = ["queue", "spawn", "ready"] as const;
export type WakePhase = (typeof WAKE_PHASES)[number];

/** Why the proxy refused a client's connection, or ended it before its time. */
export const CONNECTION_FATES = [
  /** Refused: too many connections, in all or from its address. */
  "limit",
  "address",
  /** Closed without a request, to make room. */
  "idle",
  /** Cut: the client took nothing for too long, or too many bytes were on their way in all. */
  "stalled",
  "buffers",
] as const;
export type ConnectionFate = (typeof CONNECTION_FATES)[number];

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

/** Bounded by the number of registered instances, since strangers can ask for any number of others. */
export class Statistics {
  readonly #registered = new Set<RefKey>();
  readonly traffic = new Map<RefKey, InstanceTraffic>();
  readonly wakes: Readonly<Record<WakePhase, DurationHistogram>> = {
    queue: new DurationHistogram(),
    spawn: new DurationHistogram(),
    ready: new DurationHistogram(),
  };
  restarts = 0;
  /** Requests without a registered instance. */
  unrouted = 0;
  readonly connections: Record<ConnectionFate, number> = {
    limit: 0,
    address: 0,
    idle: 0,
    stalled: 0,
    buffers: 0,
  };
  /** Faults of the server that no code handled. */
  unhandledErrors = 0;

  recordRequest(
    ref: InstanceRef | null,
    { status, durationMs }: { status: number; durationMs: number },
  ): void {
    const key = ref === null ? null : formatRef(ref);
    if (ref === null || key === null || !this.#registered.has(key)) {
      this.unrouted++;
      return;
    }
    const traffic = this.#trafficOf(key, ref);
    traffic.requests[classOf(status)]++;
    traffic.durations.add(durationMs);
  }

  recordWake(phases: Readonly<Record<WakePhase, number | null>>): void {
    for (const phase of WAKE_PHASES) {
      const durationMs = phases[phase];
      if (durationMs !== null) this.wakes[phase].add(durationMs);
    }
  }

  recordConnection(fate: ConnectionFate): void {
    this.connections[fate]++;
  }

  recordRestart(): void {
    this.restarts++;
  }

  /** From now on the requests of an instance are counted. */
  register(ref: InstanceRef): void {
    this.#registered.add(formatRef(ref));
  }

  forget(ref: InstanceRef): void {
    const key = formatRef(ref);
    this.#registered.delete(key);
    this.traffic.delete(key);
  }

  #trafficOf(key: RefKey, ref: InstanceRef): InstanceTraffic {
    const known = this.traffic.get(key);
    if (known !== undefined) return known;
    const traffic = new InstanceTraffic(ref);
    this.traffic.set(key, traffic);
    return traffic;
  }
}

/** A status outside the classes of HTTP counts as a server error. */
function classOf(status: number): StatusClass {
  return STATUS_CLASSES[Math.floor(status / 100) - 1] ?? "5xx";
}
