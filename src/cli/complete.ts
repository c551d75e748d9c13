// The words that can stand where somebody pressed Tab.
import { type Flag, GLOBAL_FLAGS, type GlobalValues, type Operand } from "./command.ts";
import { COMMANDS, findCommand, subcommandsOf } from "./commands.ts";
import { Context, type Shell } from "./context.ts";
import { findWords, type Parsed, parseArguments } from "./parse.ts";

/** Prints candidates, one a line. @param words the command line after the program; the last is being typed */
export async function printCompletions(words: readonly string[], shell: Shell): Promise<void> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesAfter(before, { typed, shell });
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  shell.print(fitting.map((candidate) => `${candidate}\n`).join(""));
}

interface Place {
  readonly typed: string;
  readonly shell: Shell;
}

async function candidatesAfter(
  before: readonly string[],
  { typed, shell }: Place,
): Promise<readonly string[]> {
  const names = findWords(before).words.map(({ text }) => text);
  const found = findCommand(names);
  const command = await found?.entry.load();
  const flags: Readonly<Record<string, Flag>> = { ...command?.flags, ...GLOBAL_FLAGS };
  const pending = flagAwaitingValue(before.at(-1) ?? "", flags);
  if (pending !== null) return pending.kind === "text" ? (pending.choices ?? []) : [];
  if (typed.startsWith("-")) return Object.keys(flags).map((name) => `--${name}`);
  const [first] = names;
  if (first === undefined)
    return [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? ""))];
  const inGroup = names.length === 1 ? subcommandsOf(first) : [];
  if (command === undefined) return inGroup;
  const parsed = tryParse(before, flags);
  const given = parsed.operands.slice(found?.wordCount ?? 0);
  const operand = operandAt(command.operands, given.length);
  if (operand === undefined) return inGroup;
  if (operand.kind === "text") return operand.choices ?? [];
  const refs = await refsOf(new Context(parsed.values as GlobalValues, shell));
  return refs.filter((name) => !given.includes(name));
}

function flagAwaitingValue(word: string, flags: Readonly<Record<string, Flag>>): Flag | null {
  const found = Object.entries(flags).find(
    ([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
  return found === undefined || found[1].kind === "switch" ? null : found[1];
}

function tryParse(words: readonly string[], flags: Readonly<Record<string, Flag>>): Parsed {
  try {
    return parseArguments(words, flags);
  } catch {
    return { values: {}, operands: [] };
  }
}

function operandAt(operands: readonly Operand[], index: number): Operand | undefined {
  const last = operands.at(-1);
  return operands[index] ?? (last?.repeated ? last : undefined);
}

/** The instances there are, or none: nobody who presses Tab wants to read an error. */
async function refsOf(context: Context): Promise<readonly string[]> {
  try {
    const instances = await context.client().list({ all: true });
    return instances.map(({ id }) => id);
  } catch {
    return [];
  }
}
