// Keeps an instance's row in step with its state. A failed write is reported and stops no instance: the next server
// finds an unrecorded process by its mark.
import type { Failure } from "../../core/failure.ts";
import type { InstanceState } from "../../core/life/instance.ts";
import { reportFailure, reportWanted, type Wanted } from "../../core/life/report.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow, InstanceTable } from "../../database/instances.ts";

export class InstanceRecord {
  readonly #ref: InstanceRef;
  readonly #table: InstanceTable;
  readonly #report: (error: unknown) => void;
  /** Null: the server is stopping, and the row stays as it is. */
  #wanted: Wanted | null;
  #failure: Failure | null;

  constructor(
    ref: InstanceRef,
    parts: {
      readonly table: InstanceTable;
      readonly row: Pick<InstanceRow, "wanted" | "failure">;
      readonly report: (error: unknown) => void;
    },
  ) {
    this.#ref = ref;
    this.#table = parts.table;
    this.#wanted = parts.row.wanted;
    this.#failure = parts.row.failure;
    this.#report = parts.report;
  }

  follow(state: InstanceState): void {
    const wanted = reportWanted(state);
    const failure = wanted === "failed" || wanted === "stopped" ? reportFailure(state) : null;
    if (this.#wanted === null) return;
    if (this.#wanted === wanted && Bun.deepEquals(this.#failure, failure)) return;
    this.#try(() => this.#table.setWanted(this.#ref, { wanted, failure }));
    this.#wanted = wanted;
    this.#failure = failure;
  }

  children(children: { child: ChildRecord | null; second: ChildRecord | null }): void {
    this.#try(() => this.#table.setChildren(this.#ref, children));
  }

  freeze(): void {
    this.#wanted = null;
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#report(error);
    }
  }
}
