// The surroundings of an instance: everything that it acts on, and the processes that it may adopt.
import type { DomainTable } from "../../database/domains.ts";
import type { InstanceRow, InstanceTable } from "../../database/instances.ts";
import type { Statistics } from "../../metrics/statistics.ts";
import type { Clock } from "../../platform/clock.ts";
import type { StorageWatch } from "../../storage/watch.ts";
import type { ExecLaunches } from "../launch/exec-launches.ts";
import type { Launched } from "../launch/launched.ts";
import type { StartQueue } from "../launch/start-queue.ts";
import type { ProcessWorld } from "./instance-processes.ts";

export interface InstanceWorld extends ProcessWorld {
  readonly clock: Clock;
  readonly execLaunches: Pick<ExecLaunches, "launch">;
  readonly random: () => number;
  readonly queue: StartQueue;
  readonly table: InstanceTable;
  readonly domains: DomainTable;
  readonly statistics: Statistics;
  readonly storage: StorageWatch;
}

/** The living processes that an earlier server left of an instance. */
export interface Adoption {
  readonly row: InstanceRow;
  readonly child: Launched | null;
  readonly second: Launched | null;
}
