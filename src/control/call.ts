// One permitted request on its way through a handler: who sent it, what it names, what it asks for.
import type { z } from "zod";
import type { Action, Caller } from "../core/access.ts";
import { messageOf, TenError } from "../core/errors.ts";
import type { InstanceRef } from "../core/ref.ts";
import { checkFields } from "./wire.ts";
import type { World } from "./world.ts";

/** More than any request needs: the environment of an instance is the largest. */
const BODY_BYTES_MAX = 64 * 1024;

export interface CallFacts {
  readonly world: World;
  readonly request: Request;
  readonly url: URL;
  readonly caller: Caller;
  readonly action: Action | null;
  readonly params: Readonly<Record<string, string>>;
  readonly ref: InstanceRef | null;
}

export class Call {
  readonly world: World;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly #facts: CallFacts;

  constructor(facts: CallFacts) {
    this.world = facts.world;
    this.caller = facts.caller;
    this.params = facts.params;
    this.#facts = facts;
  }

  /** The instance that the path names; for routes that have one. */
  get ref(): InstanceRef {
    if (this.#facts.ref === null) throw new Error("Assertion failed: the route names no instance");
    return this.#facts.ref;
  }

  /** The query, checked; throws REQUEST_INVALID, also for a field that is given twice. */
  query<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
    const { searchParams } = this.#facts.url;
    const fields = Object.fromEntries(searchParams);
    const twice = Object.keys(fields).find((name) => searchParams.getAll(name).length > 1);
    if (twice === undefined) return checkFields(schema, fields);
    throw new TenError("REQUEST_INVALID", `Cannot use the request: ${twice}: given twice`);
  }

  /** The JSON body, checked; throws USAGE_INVALID or REQUEST_INVALID. */
  async body<Schema extends z.ZodType>(schema: Schema): Promise<z.output<Schema>> {
    return checkFields(schema, parseJson(await readBody(this.#facts.request)));
  }

  /** Performs a change and puts it on record, however it ends. */
  async change<T>(subject: string, perform: () => T | Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await perform();
    } catch (thrown) {
      this.record(subject, thrown instanceof TenError ? thrown.code : "FAILED");
      throw thrown;
    }
    this.record(subject, "done");
    return result;
  }

  /** @param outcome "done", or the code of the error */
  record(subject: string, outcome: string): void {
    const { audit, clock } = this.world;
    const actor = this.caller.kind === "stranger" ? "stranger" : this.caller.name;
    const action = this.#facts.action ?? "unknown";
    try {
      audit.record({ at: clock.wall(), actor, action, subject, outcome });
    } catch (cause) {
      const message = `Cannot record "${action}" of "${subject}": ${messageOf(cause)}`;
      throw new TenError("STORAGE_FAILED", message, { cause });
    }
  }
}

async function readBody(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      const message = `Cannot read the request: its body is over ${BODY_BYTES_MAX} bytes`;
      throw new TenError("REQUEST_INVALID", message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TenError("USAGE_INVALID", "Cannot read the request: its body is not JSON", { cause });
  }
}
