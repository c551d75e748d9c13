// Completes a command line: commands, flags, values and instances.
import { type Args, type Flag, flagsOf, GLOBAL_ARGS, operandsOf } from "./args.ts";
import { Context, type Shell } from "./command-context.ts";
import { COMMANDS, findCommand, subcommandsOf } from "./commands.ts";
import { findWords, type Line, readLine } from "./parse.ts";

/** Prints candidates, one a line. @param words the command line after the program; the last is being typed */
export async function printCompletions(words: readonly string[], shell: Shell): Promise<void> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesAfter(before, { typed, shell });
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  shell.print(fitting.map((candidate) => `${candidate}\n`).join(""));
}

interface Cursor {
  readonly typed: string;
  readonly shell: Shell;
}

async function candidatesAfter(
  before: readonly string[],
  { typed, shell }: Cursor,
): Promise<readonly string[]> {
  const names = findWords(before).words.map(({ value }) => value);
  const found = findCommand(names);
  const command = await found?.entry.load();
  const args = { ...command?.args, ...GLOBAL_ARGS };
  const flags = flagsOf(args);
  const pending = flagAwaitingValue(before.at(-1), flags);
  if (pending !== undefined) return pending.arg.options ?? [];
  if (typed.startsWith("-")) return flags.map(({ name }) => `--${name}`);
  const [first] = names;
  if (first === undefined)
    return [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? ""))];
  const inGroup = names.length === 1 ? subcommandsOf(first) : [];
  if (command === undefined) return inGroup;
  const { rawArgs, operands } = tryRead(before, args);
  const given = operands.slice(found?.wordCount ?? 0);
  const expected = operandsOf(command.args);
  const operand = expected[given.length] ?? expected.findLast(({ repeated }) => repeated);
  if (operand === undefined) return inGroup;
  if (operand.valueHint !== "REF") return operand.options ?? [];
  const refs = await refsOf(new Context(rawArgs, shell));
  return refs.filter((name) => !given.includes(name));
}

function flagAwaitingValue(word: string | undefined, flags: readonly Flag[]): Flag | undefined {
  return flags.find(
    ({ name, short, arg }) =>
      arg.type !== "boolean" && (word === `--${name}` || word === `-${short}`),
  );
}

function tryRead(words: readonly string[], args: Args): Line {
  try {
    return readLine(words, args);
  } catch {
    return { rawArgs: [], operands: [] };
  }
}

/** Without a server there are none: an error would garble the line that is being typed. */
async function refsOf(context: Context): Promise<readonly string[]> {
  try {
    const instances = await context.client().call("listInstances", { query: { all: "true" } });
    return instances.map(({ id }) => id);
  } catch {
    return [];
  }
}
