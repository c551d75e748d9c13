// Command lines: which command is meant, and its flags and operands, checked strictly.
import { unreachable } from "../core/assert.ts";
import { TenError } from "../core/errors.ts";
import { renderSuggestion } from "../core/suggest.ts";
import { type Flag, type Flags, GLOBAL_FLAGS, type Operand } from "./command.ts";

export interface Words {
  /** The first two words that are neither flags nor their values: `env set`, or `ps` and its first operand. */
  readonly words: readonly { readonly text: string; readonly index: number }[];
  readonly wantsHelp: boolean;
}

/** Finds the words that may name a command; global flags may stand before and between them. */
export function findWords(argv: readonly string[]): Words {
  const words: { text: string; index: number }[] = [];
  let wantsHelp = false;
  for (let index = 0; index < argv.length; index++) {
    const text = argv[index] ?? "";
    if (text === "--") break;
    if (text === "--help" || text === "-h") wantsHelp = true;
    else if (isGlobalWithValue(text)) index += 1;
    else if (!text.startsWith("-") && words.length < 2) words.push({ text, index });
  }
  return { words, wantsHelp };
}

function isGlobalWithValue(text: string): boolean {
  return lookUp(GLOBAL_FLAGS, text.slice(2))?.kind === "text" && text.startsWith("--");
}

export type RawValues = Record<string, string | boolean | string[] | undefined>;

export interface Parsed {
  readonly values: RawValues;
  readonly operands: readonly string[];
}

/** Reads flags and operands in any order; `--` ends the flags. Throws USAGE_INVALID for what no flag is called. */
export function parseArguments(argv: readonly string[], flags: Flags): Parsed {
  const values: RawValues = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, emptyValue(flag)]),
  );
  const operands: string[] = [];
  const rest = [...argv];
  for (let text = rest.shift(); text !== undefined; text = rest.shift()) {
    if (text === "--") operands.push(...rest.splice(0));
    else if (text.startsWith("--")) readLong(text, { flags, values, rest });
    else if (text.startsWith("-") && text !== "-") readShorts(text, { flags, values, rest });
    else operands.push(text);
  }
  return { values, operands };
}

interface Reading {
  readonly flags: Flags;
  readonly values: RawValues;
  /** What follows; a flag's value is taken from it. */
  readonly rest: string[];
}

function readLong(text: string, reading: Reading): void {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text.slice(2) : text.slice(2, equals);
  const inline = equals < 0 ? undefined : text.slice(equals + 1);
  const flag = lookUp(reading.flags, name);
  if (flag === undefined) {
    const guess = renderSuggestion(name, Object.keys(reading.flags));
    throw usage(`Cannot use "--${name}": unknown flag${guess.replace('"', '"--')}`);
  }
  store({ name, flag, spelling: `--${name}` }, { inline, reading });
}

function readShorts(text: string, reading: Reading): void {
  for (let index = 1; index < text.length; index++) {
    const letter = text.charAt(index);
    const found = Object.entries(reading.flags).find(([, flag]) => flag.short === letter);
    if (found === undefined) throw usage(`Cannot use "-${letter}": unknown flag`);
    const [name, flag] = found;
    const attached = text.slice(index + 1).replace(/^=/, "");
    const inline = flag.kind === "switch" || attached === "" ? undefined : attached;
    store({ name, flag, spelling: `-${letter}` }, { inline, reading });
    if (flag.kind !== "switch") return;
  }
}

interface Found {
  readonly name: string;
  readonly flag: Flag;
  readonly spelling: string;
}

function store(
  { name, flag, spelling }: Found,
  { inline, reading }: { inline: string | undefined; reading: Reading },
): void {
  const { values } = reading;
  if (flag.kind === "switch") {
    if (inline !== undefined) throw usage(`Cannot use "${spelling}=${inline}": it takes no value`);
    values[name] = true;
    return;
  }
  const value = inline ?? takeValue(reading);
  if (value === undefined) {
    throw usage(`Cannot use "${spelling}": it needs a value`, `Write ${spelling} ${flag.value}`);
  }
  if (flag.kind === "list") {
    values[name] = [...((values[name] as string[] | undefined) ?? []), value];
    return;
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const expected = `expected ${flag.choices.join(" or ")}`;
    throw usage(
      `Cannot use "${spelling} ${value}": ${expected}${renderSuggestion(value, flag.choices)}`,
    );
  }
  values[name] = value;
}

/** The next word, unless it is a flag: a token may well start with a dash. */
function takeValue({ flags, rest }: Reading): string | undefined {
  const [next] = rest;
  return next === undefined || isSpelling(next, flags) ? undefined : rest.shift();
}

function isSpelling(text: string, flags: Flags): boolean {
  if (text === "--") return true;
  if (text.startsWith("--")) return lookUp(flags, text.slice(2).split("=")[0] ?? "") !== undefined;
  return Object.values(flags).some(({ short }) => short !== undefined && text === `-${short}`);
}

function lookUp(flags: Flags, name: string): Flag | undefined {
  return Object.hasOwn(flags, name) ? flags[name] : undefined;
}

function emptyValue(flag: Flag): string[] | boolean | undefined {
  switch (flag.kind) {
    case "switch":
      return false;
    case "list":
      return [];
    case "text":
      return undefined;
    default:
      return unreachable(flag);
  }
}

/** Throws USAGE_INVALID unless there are as many operands as the command takes. */
export function checkOperands(
  command: string,
  { given, expected }: { given: readonly string[]; expected: readonly Operand[] },
): void {
  const missing = expected[given.length];
  const hint = `See ten ${command} --help`;
  if (missing !== undefined && missing.optional === undefined) {
    throw usage(`Cannot run "${command}": ${missing.name} is missing`, hint);
  }
  const surplus = given[expected.length];
  if (surplus !== undefined && expected.at(-1)?.repeated === undefined) {
    throw usage(`Cannot run "${command}": unexpected "${surplus}"`, hint);
  }
  for (const [index, operand] of expected.entries()) {
    const text = given[index];
    if (text === undefined || operand.choices === undefined || operand.choices.includes(text))
      continue;
    const guess = renderSuggestion(text, operand.choices);
    throw usage(`Cannot use "${text}": expected ${operand.choices.join(", ")}${guess}`, hint);
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
      // The text may be a secret that lost its name: it is not repeated.
      throw usage("Cannot read a variable: expected NAME=VALUE");
    }),
  );
}

export function usage(message: string, hint?: string): TenError {
  return new TenError("USAGE_INVALID", message, hint === undefined ? {} : { hint });
}
