// Keeps an instance's row in step with its state. A failed write is reported and stops no instance: the next server
// finds an unrecorded process by its mark.
import type { InstanceState } from "../../core/life/instance.ts";
import { reportReason, reportWanted, type Wanted } from "../../core/life/report.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow, InstanceTable } from "../../database/instances.ts";

export class InstanceRecord {
  readonly #ref: InstanceRef;
  readonly #table: InstanceTable;
  readonly #report: (error: unknown) => void;
  /** Null: the server is stopping, and the row stays as it is. */
  #wanted: Wanted | null;
  #reason: string | null;

  constructor(
    ref: InstanceRef,
    parts: {
      readonly table: InstanceTable;
      readonly row: Pick<InstanceRow, "wanted" | "reason">;
      readonly report: (error: unknown) => void;
    },
  ) {
    this.#ref = ref;
    this.#table = parts.table;
    this.#wanted = parts.row.wanted;
    this.#reason = parts.row.reason;
    this.#report = parts.report;
  }

  follow(state: InstanceState): void {
    const wanted = reportWanted(state);
    const reason = wanted === "failed" || wanted === "stopped" ? reportReason(state) : null;
    if (this.#wanted === null) return;
    if (this.#wanted === wanted && this.#reason === reason) return;
    this.#try(() => this.#table.setWanted(this.#ref, { wanted, reason }));
    this.#wanted = wanted;
    this.#reason = reason;
  }

  children(children: { child: ChildRecord | null; other: ChildRecord | null }): void {
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
