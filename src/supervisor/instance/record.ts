// Keeps an instance's row in step with its state. A failed write is reported and stops no instance: it is tried again
// at the next change and when the server stops, and an unrecorded process is found by its mark.
import { messageOf } from "../../core/errors.ts";
import type { InstanceState } from "../../core/life/instance.ts";
import { reportFailure, reportWanted } from "../../core/life/report.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow, InstanceTable } from "../../database/instances.ts";

type Goal = Pick<InstanceRow, "wanted" | "failure">;

export class InstanceRecord {
  readonly #ref: InstanceRef;
  readonly #table: InstanceTable;
  readonly #report: (error: unknown) => void;
  /** In the database. */
  #stored: Goal;
  /** Not in the database, since the write has failed; null: there is no such. */
  #unstored: { readonly goal: Goal; readonly problem: string } | null = null;
  #state: "open" | "frozen" = "open";

  constructor(
    ref: InstanceRef,
    parts: {
      readonly table: InstanceTable;
      readonly row: Goal;
      readonly report: (error: unknown) => void;
    },
  ) {
    this.#ref = ref;
    this.#table = parts.table;
    this.#stored = { wanted: parts.row.wanted, failure: parts.row.failure };
    this.#report = parts.report;
  }

  /** The warning that the next server would not find the present state; null: it would. */
  get warning(): string | null {
    if (this.#unstored === null) return null;
    return `its state is lost when the server restarts: ${this.#unstored.problem}`;
  }

  follow(state: InstanceState): void {
    if (this.#state === "frozen") return;
    const wanted = reportWanted(state);
    const failure = wanted === "failed" || wanted === "stopped" ? reportFailure(state) : null;
    this.#store({ wanted, failure });
  }

  children(children: { child: ChildRecord | null; second: ChildRecord | null }): void {
    try {
      this.#table.setChildren(this.#ref, children);
    } catch (error) {
      this.#report(error);
    }
  }

  /** The server stops, or leaves the instance to another: the row stays as it is. */
  freeze(): void {
    if (this.#unstored !== null) this.#store(this.#unstored.goal);
    this.#state = "frozen";
  }

  #store(goal: Goal): void {
    const isStored = Bun.deepEquals(this.#stored, goal);
    try {
      if (!isStored) this.#table.setWanted(this.#ref, goal);
      this.#stored = goal;
      this.#unstored = null;
    } catch (error) {
      if (this.#unstored === null) this.#report(error);
      this.#unstored = { goal, problem: messageOf(error) };
    }
  }
}
