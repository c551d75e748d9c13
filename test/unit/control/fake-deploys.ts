// Deploys that only change weights, for tests.
import { TenError } from "../../../src/core/errors.ts";
import { formatRef } from "../../../src/core/ref.ts";
import type { InstanceView } from "../../../src/supervisor/administration.ts";
import type { DeployOrder, Deploys, RouteOrder } from "../../../src/supervisor/rollout/deploys.ts";
import type {
  RolloutOptions,
  RolloutOutcome,
  RolloutProgress,
} from "../../../src/supervisor/rollout/rollout.ts";
import type { FakeAdministration } from "./fake-administration.ts";

/** Sets weights as ordered; the test sets the progress and the outcome of a rollout. */
export class FakeDeploys implements Deploys {
  readonly orders: string[] = [];
  /** The error of the next deploy or route. */
  failure: Error | null = null;
  progress: readonly RolloutProgress[] = [{ kind: "begun", total: 0, health: "/health" }];
  outcome: RolloutOutcome = { replaced: [], skipped: [], failed: [], remaining: [] };
  readonly #administration: FakeAdministration;

  constructor(administration: FakeAdministration) {
    this.#administration = administration;
  }

  async deploy({ ref, weight, timeoutMs, record }: DeployOrder): Promise<InstanceView> {
    this.orders.push(`deploy ${formatRef(ref)} ${weight} ${timeoutMs}`);
    if (this.failure !== null) throw this.failure;
    this.#administration.addRunning(formatRef(ref), { weight });
    record();
    return this.#administration.view(ref);
  }

  async route({ from, to, record }: RouteOrder) {
    if (this.failure !== null) throw this.failure;
    const weight = this.#administration.view(from).weight;
    record();
    return {
      from: this.#administration.setWeight(from, 0),
      to: this.#administration.setWeight(to, weight),
    };
  }

  async rollout(
    service: string,
    { parallel, onProgress }: RolloutOptions,
  ): Promise<RolloutOutcome> {
    if (!this.#administration.services().has(service)) {
      throw new TenError("SERVICE_UNKNOWN", `Cannot find service "${service}"`);
    }
    this.orders.push(`rollout ${service} ${parallel}`);
    for (const each of this.progress) onProgress?.(each);
    return this.outcome;
  }
}
