// Flags and operands of commands, as citty's args, and the global flags.
import type { ArgDef, ArgType } from "citty";

/**
 * A flag, or an operand (`positional`). Help shows its `valueHint`; an operand with the hint `REF` completes to
 * instances. A flag that is on by default has a `negativeDescription`, and only its `--no-` form exists.
 */
export type Arg = ArgDef & {
  readonly type: NonNullable<ArgType>;
  /** May be given several times; of the operands, only the last. citty's `args` holds one: see `valuesOf`, `args._`. */
  readonly repeated?: true;
  /** From the last operand on nothing is a flag of ours. */
  readonly verbatim?: true;
  /** For operands as well. */
  readonly options?: string[];
};

export type Args = Readonly<Record<string, Arg>>;

/** The common part of operands. */
export const OPERAND = { type: "positional", required: true } as const satisfies Arg;

/** Flags that every command takes, before or after its name. */
export const GLOBAL_ARGS = {
  server: {
    type: "string",
    valueHint: "URL",
    description: "Server to talk to: http(s)://… or unix:///… (TENEMENT_SERVER)",
  },
  token: { type: "string", valueHint: "TOKEN", description: "Token for HTTP (TENEMENT_TOKEN)" },
  "data-dir": {
    type: "string",
    valueHint: "DIR",
    description: "Data directory (TENEMENT_DATA_DIR)",
  },
  config: {
    type: "string",
    valueHint: "FILE",
    description: "Configuration file (TENEMENT_CONFIG)",
  },
  json: { type: "boolean", description: "Print data as JSON" },
  quiet: { type: "boolean", description: "Print data only: no confirmations, no notes" },
  help: { type: "boolean", alias: "h", description: "Show this help" },
} as const satisfies Args;

/** A flag as it is typed. */
export interface Flag {
  /** Without its dashes: `limit`, `no-start`. */
  readonly name: string;
  /** One letter. */
  readonly short: string | undefined;
  /** Its description in help, with its default. */
  readonly about: string;
  readonly arg: Arg;
}

export function flagsOf(args: Args): readonly Flag[] {
  return Object.entries(args).flatMap(([key, arg]) => {
    if (arg.type === "positional") return [];
    const [short] = [arg.alias ?? []].flat();
    const negative = arg.type === "boolean" ? arg.negativeDescription : undefined;
    const preset = typeof arg.default === "string" ? ` (${arg.default})` : "";
    const about = negative ?? `${arg.description}${preset}`;
    return [{ name: negative === undefined ? key : `no-${key}`, short, about, arg }];
  });
}

export function operandsOf(args: Args): readonly Arg[] {
  return Object.values(args).filter(({ type }) => type === "positional");
}
