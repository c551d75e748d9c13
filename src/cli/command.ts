// The definition of a command: citty's, with examples and a context.
import { type CommandContext, type CommandDef, defineCommand as defineCittyCommand } from "citty";
import type { Args } from "./args.ts";
import type { Context } from "./command-context.ts";

interface Meta {
  /** A paragraph for its help page. */
  readonly description: string;
  /** Without the leading `ten`. */
  readonly examples: readonly string[];
}

interface Invocation<A extends Args> extends CommandContext<A> {
  readonly data: Context;
}

interface Definition<A extends Args> {
  readonly meta: Meta;
  readonly args: A;
  /** Throws its errors; the program turns them into a message and an exit code. */
  run(invocation: Invocation<A>): Promise<void>;
}

export interface Command extends CommandDef<Args> {
  readonly meta: Meta;
  readonly args: Args;
}

/** citty's, with examples in `meta` and the context in `data`. */
export const defineCommand = defineCittyCommand as unknown as <const A extends Args>(
  definition: Definition<A>,
) => Command;
