// Ends the processes and control groups that earlier launches left behind, and unmounts their volumes.
import type { ChildRef } from "../../core/life/instance.ts";
import { type InstanceRef, isLabel, type SlotRef } from "../../core/ref.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import type { Spawner } from "../../platform/process/spawner.ts";
import type { Volumes } from "../../storage/volumes.ts";
import type { Launched } from "../launch/launched.ts";

export interface LeftoversParts {
  readonly dataDir: string;
  readonly spawner: Pick<Spawner, "sweep">;
  readonly isolation: Pick<Isolation, "sweep">;
  readonly volumes: Pick<Volumes, "sweep">;
  readonly report: (event: unknown) => void;
}

/** An instance with the launches that the server goes on with. */
export interface Kept {
  readonly ref: InstanceRef;
  readonly processes: readonly Pick<Launched, "mark" | "slot">[];
}

export class Leftovers {
  readonly #parts: LeftoversParts;

  constructor(parts: LeftoversParts) {
    this.#parts = parts;
  }

  /**
   * Ends the launches that are not kept: by their status files and control groups, by the database's records, and by
   * the marks of orphans. Processes that can't be ended are reported, and not waited for.
   */
  async sweep(kept: readonly Kept[], recorded: readonly ChildRef[]): Promise<void> {
    const { isolation, report, spawner, volumes } = this.#parts;
    const marks = new Set(kept.flatMap(({ processes }) => processes.map(({ mark }) => mark)));
    const slots = kept.flatMap(slotsOf);
    const isUnwanted = (mark: string) => this.#isMark(mark) && !marks.has(mark);
    for (const reason of await isolation.sweep(slots)) report(reason);
    const left = await spawner.sweep({ recorded, isUnwanted });
    if (left > 0) report(`${left} processes of an earlier server do not end`);
    await volumes.sweep(slots.map(({ ref }) => ref));
  }

  /** Whether a mark is one of this server's. */
  #isMark(mark: string): boolean {
    const prefix = `${this.#parts.dataDir}/`;
    if (!mark.startsWith(prefix)) return false;
    const [, service, id] = /^([^/]+)\/([^#]+)#\d$/.exec(mark.slice(prefix.length)) ?? [];
    return isLabel(service ?? "") && isLabel(id ?? "");
  }
}

function slotsOf({ ref, processes }: Kept): readonly SlotRef[] {
  return processes.map(({ slot }) => ({ ref, slot }));
}
