// One permitted request on its way through a handler: who sent it, what it names, what it asks for.
import type { Action, Caller } from "../core/access.ts";
import type { InstanceRef } from "../core/ref.ts";
import { outcomeOf } from "../database/audit.ts";
import type { ControlWorld } from "./control-world.ts";

/** Whoever sends a request, and what for. */
export interface AuthorizedRequest {
  readonly world: ControlWorld;
  readonly caller: Caller;
  readonly action: Action | null;
  readonly params: Readonly<Record<string, string>>;
  readonly ref: InstanceRef | null;
}

/** `query` and `body` are what the route declares, checked. */
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

  /** The instance that the path names; for routes that have one. */
  get ref(): InstanceRef {
    if (this.#request.ref === null)
      throw new Error("Assertion failed: the route names no instance");
    return this.#request.ref;
  }

  /** Puts a change on record. @param outcome "done", or the code of the error */
  record(subject: string, outcome: string): void {
    record(this.#request, { subject, outcome });
  }

  /** Performs a change and puts it on record, however it ends. */
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

  /**
   * Performs a change that calls `recorded` in the transaction in which it is made; a failure goes on record as ever.
   */
  async transact<T>(subject: string, perform: (recorded: () => void) => Promise<T>): Promise<T> {
    try {
      return await perform(() => record(this.#request, { subject, outcome: "done" }));
    } catch (thrown) {
      record(this.#request, { subject, outcome: outcomeOf(thrown) });
      throw thrown;
    }
  }
}

/**
 * Writes into the audit trail; throws STORAGE_FAILED.
 * @param outcome "done", or the code of the error
 */
export function record(
  { world: { audit, clock }, caller, action: wanted }: AuthorizedRequest,
  { subject, outcome }: { subject: string; outcome: string },
): void {
  const actor = caller.kind === "stranger" ? "stranger" : caller.name;
  audit.record({ at: clock.wall(), actor, action: wanted ?? "unknown", subject, outcome });
}
