// An authorized request as its handler sees it: caller, parameters, query, body, and the audit trail.
import { type Action, type Caller, callerName } from "../core/access.ts";
import { assert } from "../core/assert.ts";
import type { InstanceRef } from "../core/ref.ts";
import { type AuditBudget, outcomeOf } from "../database/audit.ts";
import type { ControlWorld } from "./control-world.ts";

export interface AuthorizedRequest {
  readonly world: ControlWorld;
  readonly caller: Caller;
  readonly action: Action | null;
  readonly params: Readonly<Record<string, string>>;
  readonly ref: InstanceRef | null;
}

/** `query` and `body` are checked against the operation's declaration. */
export class Call<Query = unknown, Body = unknown> {
  readonly world: ControlWorld;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly #request: AuthorizedRequest;

  constructor(request: AuthorizedRequest, { query, body }: { query: Query; body: Body }) {
    this.world = request.world;
    this.caller = request.caller;
    this.params = request.params;
    this.query = query;
    this.body = body;
    this.#request = request;
  }

  /** The instance in the path; for routes with `{ref}`. */
  get ref(): InstanceRef {
    const { ref } = this.#request;
    assert(ref !== null, "the path of the route has no {ref}");
    return ref;
  }

  /** Records a change in the audit trail. @param outcome "done", or the code of the error */
  record(subject: string, outcome: string): void {
    record(this.#request, { subject, outcome });
  }

  /** Performs a change and records it, failed or done. */
  async change<T>(subject: string, perform: () => T | Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await perform();
    } catch (thrown) {
      record(this.#request, { subject, outcome: outcomeOf(thrown) });
      throw thrown;
    }
    record(this.#request, { subject, outcome: "done" });
    return result;
  }

  /** Performs a change that calls `recorded` in its own transaction; a failure is recorded afterwards. */
  async transact<T>(subject: string, perform: (recorded: () => void) => Promise<T>): Promise<T> {
    try {
      return await perform(() => record(this.#request, { subject, outcome: "done" }));
    } catch (thrown) {
      record(this.#request, { subject, outcome: outcomeOf(thrown) });
      throw thrown;
    }
  }
}

/** Writes to the audit trail; throws STORAGE_FAILED. */
export function record(
  { world: { audit, clock }, caller, action: wanted }: AuthorizedRequest,
  { subject, outcome, budget = budgetOf(caller) }: Recorded,
): void {
  const entry = { actor: callerName(caller), action: wanted ?? "unknown", subject, outcome };
  audit.record({ ...entry, at: clock.wall() }, budget);
}

interface Recorded {
  readonly subject: string;
  /** "done", or the code of the error. */
  readonly outcome: string;
  /** Left out: the caller's. */
  readonly budget?: AuditBudget;
}

function budgetOf(caller: Caller): AuditBudget {
  return caller.kind === "admin" ? "operator" : "tenant";
}
