// The program: finds the command, runs it, and turns errors into messages and an exit code.
import { runCommand } from "citty";
import { messageOf, TenError } from "../core/errors.ts";
import { renderSuggestion } from "../core/suggest.ts";
import { GLOBAL_ARGS, operandsOf } from "./args.ts";
import { Context, type Shell } from "./command-context.ts";
import { COMMANDS, type CommandEntry, findCommand, subcommandsOf } from "./commands.ts";
import { renderCommandHelp, renderProgramHelp } from "./help.ts";
import { renderSafe } from "./output.ts";
import { checkOperands, findWords, readLine, usage } from "./parse.ts";

/** Runs one command line, without the program's own name; resolves to the exit code. */
export async function runProgram(argv: readonly string[], shell: Shell): Promise<number> {
  try {
    const exitCode = await run(argv, shell);
    await written(shell);
    return exitCode;
  } catch (thrown) {
    // A command on several instances may fail for several of them.
    const failures: readonly unknown[] =
      thrown instanceof AggregateError ? thrown.errors : [thrown];
    for (const failure of failures) complain(failure, shell);
    const [first] = failures;
    return first instanceof TenError ? first.exit : 1;
  }
}

/** Output that can't be written is a failure: a script must not take a cut list for a whole one. */
async function written(shell: Shell): Promise<void> {
  try {
    await shell.printed();
  } catch (cause) {
    const message = `Cannot write the output: ${messageOf(cause)}`;
    throw new TenError("FAILED", message, { cause });
  }
}

async function run(argv: readonly string[], shell: Shell): Promise<number> {
  const [first = ""] = argv;
  if (first === "--version" || first === "-V") {
    const { renderVersion } = await import("../build-info.ts");
    shell.print(`${renderVersion()}\n`);
    return 0;
  }
  if (first === "__complete") {
    const { printCompletions } = await import("./complete.ts");
    await printCompletions(argv.slice(1), shell);
    return 0;
  }
  const { words, wantsHelp } = findWords(argv);
  const texts = words.map(({ value }) => value);
  if (texts[0] === "help") return await showHelp(argv.slice((words[0]?.index ?? 0) + 1), shell);
  if (wantsHelp) return await showHelp(texts, shell);
  if (texts.length === 0) return await refuseNoCommand(argv, shell);
  const found = findCommand(texts);
  if (found === null) throw unknownCommand(texts);
  const taken = words.slice(0, found.wordCount).map(({ index }) => index);
  const rest = argv.filter((_, index) => !taken.includes(index));
  return await runEntry(found.entry, { argv: rest, shell });
}

/**
 * Checks the line and runs the command; resolves to the exit code. citty ignores global flags, which are not the
 * command's own.
 */
async function runEntry(
  { name, load }: CommandEntry,
  { argv, shell }: { argv: readonly string[]; shell: Shell },
): Promise<number> {
  const command = await load();
  const { args } = command;
  const { rawArgs, operands } = readLine(argv, { ...args, ...GLOBAL_ARGS });
  const [first] = operands;
  if (first !== undefined && operandsOf(args).length === 0 && subcommandsOf(name).length > 0) {
    throw unknownCommand([name, first]);
  }
  checkOperands(name, { given: operands, args });
  const context = new Context(rawArgs, shell);
  await runCommand(command, { rawArgs, data: context });
  return context.exitCode;
}

async function showHelp(words: readonly string[], shell: Shell): Promise<number> {
  const found = findCommand(words);
  if (found !== null) {
    shell.print(renderCommandHelp(found.entry.name, await found.entry.load()));
    return 0;
  }
  const [group] = words;
  if (group === undefined) {
    shell.print(renderProgramHelp(COMMANDS));
    return 0;
  }
  const inGroup = COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
  if (inGroup.length === 0) throw unknownCommand(words);
  for (const { name, load } of inGroup) shell.print(`${renderCommandHelp(name, await load())}\n`);
  return 0;
}

/** Without a command: checks the flags and prints the help. */
async function refuseNoCommand(argv: readonly string[], shell: Shell): Promise<number> {
  readLine(argv, GLOBAL_ARGS);
  shell.complain(renderProgramHelp(COMMANDS));
  return 2;
}

function unknownCommand([first = "", second]: readonly string[]): TenError {
  const subcommands = subcommandsOf(first);
  if (subcommands.length === 0) {
    const names = COMMANDS.map(({ name }) => name);
    const guess = renderSuggestion(first, new Set(names.map((name) => name.split(" ")[0] ?? name)));
    return usage(`Cannot run "${first}": unknown command${guess}`, "See ten --help");
  }
  const expected = `expected ${subcommands.join(", ")}`;
  if (second === undefined) return usage(`Cannot run "${first}": ${expected}`);
  return usage(
    `Cannot run "${first} ${second}": ${expected}${renderSuggestion(second, subcommands)}`,
  );
}

function complain(thrown: unknown, shell: Shell): void {
  if (!(thrown instanceof TenError)) {
    // A bug: its report needs the stack.
    shell.complain(`error: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    return;
  }
  shell.complain(`error: ${renderSafe(thrown.message, "\n")}\n`);
  for (const line of thrown.log ?? []) shell.complain(`  ${renderSafe(line)}\n`);
  if (thrown.hint !== undefined) shell.complain(`hint: ${renderSafe(thrown.hint)}\n`);
}
