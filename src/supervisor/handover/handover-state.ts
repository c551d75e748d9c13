// The state that a server hands over to the next one, beyond its database and the processes themselves.
import { memoryOf } from "../../core/life/adoption.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Lease } from "../gateway.ts";
import type { InstanceActor } from "../instance/actor.ts";
import type { InstanceHandover } from "../instance/instance-handover.ts";
import type { Supervisor } from "../supervisor.ts";

/** Another version may use another format: its state is ignored, and the next server starts as after a crash. */
const FORMAT = 1;

/** JSON. */
export interface HandoverState {
  readonly format: typeof FORMAT;
  readonly instances: Readonly<Record<RefKey, InstanceHandover>>;
}

/**
 * Hands every instance over to the next server: from now on nothing is started, stopped or written here. Waiting
 * requests are refused.
 * @param onTraffic is called whenever one of the open leases has ended or become a tunnel
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

function handoverOf({ facts, instance, leaseCounts, story }: InstanceActor): InstanceHandover {
  const { lastWake, lastExit } = story;
  return { ...memoryOf(instance, facts.now), lastWake, lastExit, leases: leaseCounts };
}

/** The state that the previous server has handed over; empty after a crash or a first start. */
export class ReceivedHandover {
  readonly #handovers: ReadonlyMap<RefKey, InstanceHandover>;
  /** Held for the previous server. */
  readonly #leases: Lease[] = [];

  /** @param handoverState as `handOver` returned it, in whatever version */
  constructor(handoverState: unknown = null) {
    const isKnown = (handoverState as Partial<HandoverState> | null)?.format === FORMAT;
    this.#handovers = new Map(
      isKnown ? Object.entries((handoverState as HandoverState).instances) : [],
    );
  }

  /** Whether the previous server has handed this instance over. */
  has(ref: InstanceRef): boolean {
    return this.#handovers.has(formatRef(ref));
  }

  /** Restores an instance from its state, and holds the leases that the previous server still has. */
  apply(actor: InstanceActor): void {
    const handover = this.#handovers.get(formatRef(actor.ref));
    if (handover === undefined) return;
    actor.resumeFrom(handover);
    const { requests, tunnels } = handover.leases;
    this.#leases.push(...holdLeases(actor, "request", requests));
    this.#leases.push(...holdLeases(actor, "tunnel", tunnels));
  }

  /** The previous server reports its leases itself by now, or has ended. */
  releaseLeases(): void {
    for (const lease of this.#leases.splice(0)) lease.release();
  }
}

/** None for an instance that does not run: the leases have ended with its process. */
export function holdLeases(
  actor: InstanceActor | null,
  kind: "request" | "tunnel",
  count: number,
): readonly Lease[] {
  const leases = Array.from({ length: Math.max(0, count) }, () => actor?.hold(kind) ?? null);
  return leases.filter((lease) => lease !== null);
}
