// What a command is: its operands, its flags, its work. Values of flags are typed by their definitions.
import type { Context } from "./context.ts";

interface FlagBasics {
  readonly about: string;
  /** One letter, for `-f`. */
  readonly short?: string;
}

export type Flag =
  | (FlagBasics & { readonly kind: "switch" })
  /** `value` is what help calls it: `--limit N`. */
  | (FlagBasics & {
      readonly kind: "text";
      readonly value: string;
      readonly choices?: readonly string[];
    })
  /** May be given several times. */
  | (FlagBasics & { readonly kind: "list"; readonly value: string });

export type Flags = Readonly<Record<string, Flag>>;

export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name]["kind"] extends "switch"
    ? boolean
    : F[Name]["kind"] extends "list"
      ? readonly string[]
      : string | undefined;
};

export interface Operand {
  /** As help shows it: `REF`. */
  readonly name: string;
  /** What completion offers. */
  readonly kind: "ref" | "text";
  readonly choices?: readonly string[];
  readonly optional?: true;
  /** The last operand may repeat. */
  readonly repeated?: true;
}

export interface Invocation<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly operands: readonly string[];
  readonly context: Context;
}

export interface CommandDefinition<F extends Flags> {
  /** A paragraph for its help page. */
  readonly about: string;
  readonly operands: readonly Operand[];
  readonly flags: F;
  /** Without the leading `ten`. */
  readonly examples: readonly string[];
  /** Throws what goes wrong; the program turns it into a message and an exit code. */
  run(invocation: Invocation<F>): Promise<void>;
}

export type Command = CommandDefinition<Flags>;

export function defineCommand<const F extends Flags>(definition: CommandDefinition<F>): Command {
  // Parsing fills `flags` by the very definitions that the type is made from.
  return definition as unknown as Command;
}

/** Flags that every command takes, before or after its name. */
export const GLOBAL_FLAGS = {
  server: {
    kind: "text",
    value: "URL",
    about: "Server to talk to: http(s)://… or unix:///… (TENEMENT_SERVER)",
  },
  token: { kind: "text", value: "TOKEN", about: "Token for HTTP (TENEMENT_TOKEN)" },
  "data-dir": { kind: "text", value: "DIR", about: "Data directory (TENEMENT_DATA_DIR)" },
  config: { kind: "text", value: "FILE", about: "Configuration file (TENEMENT_CONFIG)" },
  json: { kind: "switch", about: "Print data as JSON" },
  quiet: { kind: "switch", about: "Print data only: no confirmations, no notes" },
  help: { kind: "switch", short: "h", about: "Show this help" },
} as const satisfies Flags;

export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;
