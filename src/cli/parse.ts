// Checks command lines strictly and normalizes them for citty.
// citty ignores unknown flags and surplus operands, takes a flag for another's value and any `--no-` for a negation.
import { parseArgs as tokenizeArgs } from "node:util";
import { TenError } from "../core/errors.ts";
import { renderSuggestion } from "../core/suggest.ts";
import { type Args, type Flag, flagsOf, GLOBAL_ARGS, operandsOf } from "./args.ts";

export interface Words {
  /** The first two words that are neither flags nor their values: `env set`, or `ps` and its first operand. */
  readonly words: readonly { readonly value: string; readonly index: number }[];
  readonly wantsHelp: boolean;
}

/** Finds the words that may name a command; global flags may stand before and between them. */
export function findWords(argv: readonly string[]): Words {
  const tokens = tokenize(argv, flagsOf(GLOBAL_ARGS));
  const end = tokens.findIndex(({ kind }) => kind === "option-terminator");
  const all = end < 0 ? tokens : tokens.slice(0, end);
  const before = all.slice(0, endOfOwn(all));
  return {
    words: before.filter((token) => token.kind === "positional").slice(0, 2),
    wantsHelp: before.some(
      ({ kind, index }) => kind === "option" && /^(--help|-h)$/.test(argv[index] ?? ""),
    ),
  };
}

/** Commands whose operands from this one on, their own name included, are another program's command line. */
const VERBATIM_FROM: Readonly<Record<string, number>> = { exec: 2 };

function endOfOwn(tokens: ReturnType<typeof tokenize>): number {
  const [name, ...rest] = tokens.filter((token) => token.kind === "positional");
  const from = VERBATIM_FROM[name?.value ?? ""];
  const first = from === undefined ? undefined : rest[from - 1];
  return first === undefined ? tokens.length : tokens.indexOf(first);
}

export interface Line {
  /** For citty: flags as `--name` or `--name=value`, then `--`, then the operands. */
  readonly rawArgs: string[];
  readonly operands: readonly string[];
}

/** Reads flags and operands in any order; `--` ends the flags. Throws USAGE_INVALID for an unknown flag. */
export function readLine(argv: readonly string[], args: Args): Line {
  const flags = flagsOf(args);
  const { own, rest } = splitVerbatim(argv, args);
  const tokens = tokenize(own, flags);
  const given = tokens.filter((token) => token.kind === "option");
  const named = tokens.filter((token) => token.kind === "positional").map(({ value }) => value);
  const operands = [...named, ...rest];
  return {
    rawArgs: [...given.map((token) => renderFlag(token, flags)), "--", ...operands],
    operands,
  };
}

/** Parts a line at its verbatim operand, which is left to another program with all that follows. */
function splitVerbatim(
  argv: readonly string[],
  args: Args,
): { readonly own: readonly string[]; readonly rest: readonly string[] } {
  const at = operandsOf(args).findIndex(({ verbatim }) => verbatim === true);
  const positional = tokenize(argv, flagsOf(args)).filter(({ kind }) => kind === "positional");
  const start = at < 0 ? argv.length : (positional[at]?.index ?? argv.length);
  return { own: argv.slice(0, start), rest: argv.slice(start) };
}

/** Every value of a flag that may be repeated; citty keeps only the last. @param rawArgs as `readLine` returns them */
export function valuesOf(name: string, rawArgs: readonly string[]): readonly string[] {
  const prefix = `--${name}=`;
  return rawArgs
    .slice(0, rawArgs.indexOf("--"))
    .filter((text) => text.startsWith(prefix))
    .map((text) => text.slice(prefix.length));
}

function tokenize(argv: readonly string[], flags: readonly Flag[]) {
  const options = flags.map(({ name, short, arg }) => {
    const type = arg.type === "boolean" ? ("boolean" as const) : ("string" as const);
    return [name, short === undefined ? { type } : { type, short }] as const;
  });
  return tokenizeArgs({
    args: [...argv],
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

type FlagToken = Extract<ReturnType<typeof tokenize>[number], { kind: "option" }>;

function renderFlag(token: FlagToken, flags: readonly Flag[]): string {
  const { name, rawName } = token;
  const flag = flags.find((known) => known.name === name);
  if (flag === undefined) throw unknownFlag(token, flags);
  if (flag.arg.type !== "boolean") return `--${name}=${readValue(token, { flag, flags })}`;
  if (token.value === undefined) return `--${name}`;
  throw usage(`Cannot use "${rawName}=${token.value}": it takes no value`);
}

function unknownFlag({ name, rawName }: FlagToken, flags: readonly Flag[]): TenError {
  const known = rawName.startsWith("--") ? flags.map((flag) => flag.name) : [];
  const guess = renderSuggestion(name, known).replace('"', '"--');
  return usage(`Cannot use "${rawName}": unknown flag${guess}`);
}

/** A value may begin with a dash, as some tokens do, but the name of a flag is a flag. */
function readValue(
  { rawName, value: text, inlineValue }: FlagToken,
  { flag: { arg }, flags }: { flag: Flag; flags: readonly Flag[] },
): string {
  if (text === undefined || (!inlineValue && isSpelling(text, flags))) {
    const written = `${rawName} ${arg.valueHint}`;
    throw usage(`Cannot use "${rawName}": it needs a value`, `Write ${written}`);
  }
  // `-n=5`
  const value = rawName.startsWith("--") || !inlineValue ? text : text.replace(/^=/, "");
  const { options } = arg;
  if (options === undefined || options.includes(value)) return value;
  const expected = `expected ${options.join(" or ")}${renderSuggestion(value, options)}`;
  throw usage(`Cannot use "${rawName} ${value}": ${expected}`);
}

function isSpelling(text: string, flags: readonly Flag[]): boolean {
  const [long] = text.split("=");
  return (
    text === "--" || flags.some(({ name, short }) => long === `--${name}` || text === `-${short}`)
  );
}

/** Throws USAGE_INVALID for a missing, surplus or unknown operand. */
export function checkOperands(
  command: string,
  { given, args }: { given: readonly string[]; args: Args },
): void {
  const expected = operandsOf(args);
  const missing = expected[given.length];
  const hint = `See ten ${command} --help`;
  if (missing?.required) {
    throw usage(`Cannot run "${command}": ${missing.valueHint} is missing`, hint);
  }
  const surplus = given[expected.length];
  if (surplus !== undefined && !expected.at(-1)?.repeated) {
    throw usage(`Cannot run "${command}": unexpected "${surplus}"`, hint);
  }
  for (const [index, { options }] of expected.entries()) {
    const text = given[index];
    if (text === undefined || options === undefined || options.includes(text)) continue;
    const guess = renderSuggestion(text, options);
    throw usage(`Cannot use "${text}": expected ${options.join(", ")}${guess}`, hint);
  }
}

/** Reads a whole number; throws USAGE_INVALID. */
export function parseInteger(
  text: string,
  { name, min, max }: { name: string; min: number; max: number },
): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw usage(`Cannot use "${text}" as ${name}: expected a whole number from ${min} to ${max}`);
}

/** Reads `NAME=VALUE` pairs; throws USAGE_INVALID. */
export function parsePairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      // The text may be a secret without its name, so the message does not repeat it.
      throw usage("Cannot read a variable: expected NAME=VALUE");
    }),
  );
}

export function usage(message: string, hint?: string): TenError {
  return new TenError("USAGE_INVALID", message, hint === undefined ? {} : { hint });
}
