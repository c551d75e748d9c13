// Splits a command line into program and arguments as a shell would, and refuses syntax that needs a shell.
import { parse } from "shell-quote";
import { PLACEHOLDERS, type Placeholder } from "./template.ts";

export type SplitCommandLine =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

const NO_SHELL = 'no shell runs, so write command = "sh" and args = ["-c", "..."] to use one';

/**
 * The words are argument templates. Operators, globs, variables and substitutions, which only a shell could expand, are
 * problems: nothing is guessed.
 */
export function splitCommandLine(command: string): SplitCommandLine {
  const text = command.trim();
  if (text === "") return refused(["expected a program, got an empty command"]);
  const unclosed = findShellSyntax(text);
  if (unclosed.length > 0) return refused(unclosed);
  const { argv, problems } = readWords(text);
  if (problems.length > 0) return refused(problems);
  const program = argv[0] ?? "";
  if (program === "") return refused(['expected a program, got ""']);
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(program)) {
    return refused([`expected a program, got the assignment "${program}"; write it under env`]);
  }
  return { kind: "argv", argv };
}

function refused(problems: readonly string[]): SplitCommandLine {
  return { kind: "problems", problems: [...new Set(problems)] };
}

/** `$'…'`, an escaped character, `'…'` and `"…"`, in the order a shell looks for them. */
const QUOTED = /\$'(?:\\[\s\S]|[^'\\])*'|\\[^\n]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g;

/** Finds the shell syntax that `shell-quote` reads as text: open quotes, line breaks, `~`, backquotes, `"$(…)"`. */
function findShellSyntax(text: string): string[] {
  const bare = bareText(text);
  const expanding = [bare, ...(text.match(QUOTED) ?? []).filter((part) => part.startsWith('"'))];
  const found: string[] = [];
  if (/["']/.test(bare)) found.push("expected a closing quote, got the end of the command");
  if (bare.endsWith("\\"))
    found.push('expected a character after "\\", got the end of the command');
  if (bare.includes("\n")) found.push("expected one line, got a line break outside quotes");
  if (/(^|\s)~/.test(bare)) found.push('"~" is not expanded; write the whole path');
  if (expanding.some((part) => part.includes("`"))) found.push(`"\`" is not run: ${NO_SHELL}`);
  if (expanding.some((part) => /(?<!\\)\$\(/.test(part)))
    found.push(`"$(" is not run: ${NO_SHELL}`);
  return found;
}

function bareText(text: string): string {
  return text.replace(QUOTED, "q");
}

function readWords(text: string): { argv: string[]; problems: string[] } {
  const globs = /[*?]/.test(bareText(text));
  const argv: string[] = [];
  const problems: string[] = [];
  for (const word of parseWords(text)) {
    if (typeof word === "string") argv.push(word);
    else if ("variable" in word) problems.push(describeVariable(word.variable));
    else if ("comment" in word)
      problems.push('"#" starts a comment in a shell; quote it to pass it on');
    else if (word.op !== "glob") problems.push(`"${word.op}" is shell syntax: ${NO_SHELL}`);
    else if (!globs) argv.push(word.pattern);
    else problems.push(`"${word.pattern}" is not expanded; quote it to pass it on: ${NO_SHELL}`);
  }
  return { argv, problems };
}

type Word =
  | string
  | { readonly variable: string }
  | { readonly comment: string }
  | { readonly op: "glob"; readonly pattern: string }
  | { readonly op: string; readonly pattern: string };

function parseWords(text: string): readonly Word[] {
  try {
    // A "$" without a name is text in a shell, too; `shell-quote` reports it as an empty name.
    return parse(text, (variable) => (variable === "" ? "$" : { variable })) as unknown as Word[];
  } catch {
    return [{ variable: "{}" }];
  }
}

function describeVariable(name: string): string {
  const placeholder = PLACEHOLDERS.find((known) => VARIABLES[known].includes(name.toLowerCase()));
  const instead =
    placeholder === undefined ? NO_SHELL : `no shell runs, so write {${placeholder}} instead`;
  return `"$${name}" is not expanded: ${instead}`;
}

/** The variables that people write where they mean a placeholder. */
const VARIABLES: Readonly<Record<Placeholder, readonly string[]>> = {
  name: ["name", "tenement_service"],
  id: ["id", "tenement_instance"],
  data_dir: ["data_dir"],
  port: ["port"],
  socket: ["socket", "socket_path"],
};
