// What a server hands over to the one that follows, beyond what its store and the processes tell.
import { memoryOf } from "../../core/life/adoption.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Lease } from "../gateway.ts";
import type { InstanceActor } from "../instance/actor.ts";
import type { InstanceHandover, LeaseCounts } from "../instance/instance-handover.ts";
import type { Supervisor } from "../supervisor.ts";

/** Another version may write it otherwise: what has another number is left alone, and all is as after a crash. */
const FORMAT = 1;

/** JSON. */
export interface HandoverState {
  readonly format: typeof FORMAT;
  readonly instances: Readonly<Record<RefKey, InstanceHandover>>;
}

/**
 * Hands every instance over to the next server: from now on nothing is started, stopped or written here. Waiting
 * requests
 * are refused.
 * @param onTraffic is called whenever one of the remaining leases has ended or become a tunnel
 */
export function handOver(
  supervisor: Supervisor,
  onTraffic: (actor: InstanceActor) => void,
): HandoverState {
  const actors = [...supervisor.actors()];
  const handovers = actors.map((actor) => [formatRef(actor.ref), handoverOf(actor)] as const);
  supervisor.abandon(onTraffic);
  return { format: FORMAT, instances: Object.fromEntries(handovers) };
}

export function leaseCountsOf({ traffic }: InstanceActor): LeaseCounts {
  const requests = traffic.busy + traffic.secondBusy;
  return { requests, tunnels: traffic.open - requests };
}

function handoverOf(actor: InstanceActor): InstanceHandover {
  const { lastWake, lastExit } = actor.story;
  return {
    ...memoryOf(actor.instance, actor.facts.now),
    lastWake,
    lastExit,
    leases: leaseCountsOf(actor),
  };
}

/** What an earlier server handed over; nothing, where none did. */
export class ReceivedHandover {
  readonly #handovers: ReadonlyMap<RefKey, InstanceHandover>;
  readonly #leases: Lease[] = [];

  /** @param handover state as `handOver` made it, in whatever version */
  constructor(handoverState: unknown = null) {
    const isKnown = (handoverState as Partial<HandoverState> | null)?.format === FORMAT;
    this.#handovers = new Map(
      isKnown ? Object.entries((handoverState as HandoverState).instances) : [],
    );
  }

  /** Whether an earlier server that lives has served this instance until now. */
  has(ref: InstanceRef): boolean {
    return this.#handovers.has(formatRef(ref));
  }

  /** Gives an instance its part, and holds for the earlier server the leases that it still has. */
  pass(actor: InstanceActor): void {
    const handover = this.#handovers.get(formatRef(actor.ref));
    if (handover === undefined) return;
    actor.resumeFrom(handover);
    const { requests, tunnels } = handover.leases;
    this.#leases.push(...holdLeases(actor, "request", requests));
    this.#leases.push(...holdLeases(actor, "tunnel", tunnels));
  }

  /** The earlier server now tells of its leases itself, or is gone. */
  release(): void {
    for (const lease of this.#leases.splice(0)) lease.release();
  }
}

/** Fewer where it does not run: what an earlier server still has open ended with the process. */
export function holdLeases(
  actor: InstanceActor | null,
  kind: "request" | "tunnel",
  count: number,
): readonly Lease[] {
  const leases = Array.from({ length: Math.max(0, count) }, () => actor?.lease() ?? null);
  const held = leases.filter((lease) => lease !== null);
  if (kind === "tunnel") for (const lease of held) lease.tunnel();
  return held;
}
