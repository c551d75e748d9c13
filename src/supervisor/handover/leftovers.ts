// Ends the processes and control groups that earlier launches left behind, and unmounts their volumes.
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

  /** Ends every process with a mark or a control group of this server, except for those of the kept launches. */
  async sweep(kept: readonly Kept[]): Promise<void> {
    const { isolation, spawner, volumes } = this.#parts;
    const marks = new Set(kept.flatMap(({ processes }) => processes.map(({ mark }) => mark)));
    const slots = kept.flatMap(slotsOf);
    await spawner.sweep((mark) => this.#isMark(mark) && !marks.has(mark));
    await isolation.sweep(slots);
    await volumes.sweep(slots.map(({ ref }) => ref));
  }

  /** Whether a mark is one of this server's. */
  #isMark(mark: string): boolean {
    const prefix = `${this.#parts.dataDir}/`;
    if (!mark.startsWith(prefix)) return false;
    const [, service, id] = /^([^/]+)\/([^#]+)#[01]$/.exec(mark.slice(prefix.length)) ?? [];
    return isLabel(service ?? "") && isLabel(id ?? "");
  }
}

function slotsOf({ ref, processes }: Kept): readonly SlotRef[] {
  return processes.map(({ slot }) => ({ ref, slot }));
}
