// The TCP ports of a launch: taken, claimed in the firewall for the user of the instance, and freed.
import { networkOf, type Service } from "../../core/service.ts";
import type { Firewall } from "../../isolation/firewall/firewall.ts";
import { type Enclosure, type Placement, portsOf } from "../../isolation/level.ts";
import type { Ports } from "../../platform/process/ports.ts";

export interface LaunchPortsParts {
  readonly ports: Pick<Ports, "takeMany" | "give" | "reserve">;
  readonly firewall: Pick<Firewall, "claim" | "release">;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
}

export class LaunchPorts {
  readonly #parts: LaunchPortsParts;

  constructor(parts: LaunchPortsParts) {
    this.#parts = parts;
  }

  /** That in PORT, and then the extra ones. Throws PORTS_EXHAUSTED. */
  take({ extraPorts }: Service): readonly number[] {
    return this.#parts.ports.takeMany(1 + (extraPorts ?? 0));
  }

  /** Marks those of an adopted process as taken. */
  reserve(placement: Placement): void {
    this.#parts.ports.reserve(...portsOf(placement));
  }

  /** In a private network they are no ports of the host. */
  claim(placement: Placement, { owner }: Pick<Enclosure, "owner">): void {
    if (networkOf(placement.service) === "private") return;
    const { allowMetadata } = placement.service;
    for (const port of portsOf(placement)) {
      this.#parts.firewall.claim({ port, owner, allowMetadata });
    }
  }

  /** A failure of the firewall is reported: the ports are free all the same. */
  free(taken: readonly number[]): void {
    const { firewall, ports, report } = this.#parts;
    ports.give(...taken);
    try {
      for (const port of taken) firewall.release(port);
    } catch (error) {
      report(error);
    }
  }
}
