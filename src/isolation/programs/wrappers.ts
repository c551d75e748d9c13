// Programs that start another one, which their arguments name: env, sh -c, uv run.
import { basename, resolve } from "node:path";
import { parse } from "shell-quote";
import { exists, isProgram, type ProgramFiles, upwards } from "./program-files.ts";

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const SHELLS = ["sh", "bash", "dash", "ash", "zsh", "ksh"];
/** They run a program in the virtual environment of a project. */
const RUNNERS = ["uv", "poetry", "pipenv", "pdm", "rye"];

/** The commands that a command starts by its arguments. */
export function innerCommands(command: Command, files: ProgramFiles): readonly Command[] {
  const name = basename(command.argv[0] ?? "");
  if (name === "env") return commandOfEnv(command);
  if (SHELLS.includes(name)) return commandsOfShell(command);
  return RUNNERS.includes(name) ? commandsOfRunner(command, files) : [];
}

/** The command behind options and assignments; a PATH among these counts for the program behind them. */
function commandOfEnv(command: Command): readonly Command[] {
  let { cwd, env } = command;
  const words = command.argv.slice(1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, attached] = /^(?:-v?S|--split-string=)(.*)$/s.exec(word) ?? [];
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
    if (attached !== undefined) {
      const split = attached === "" ? (words.shift() ?? "") : attached;
      words.unshift(...split.split(/\s+/).filter((each) => each !== ""));
    } else if (name !== undefined && value !== undefined) env = { ...env, [name]: value };
    else if (word === "-i" || word === "-" || word === "--ignore-environment") env = {};
    else if (word === "-u") words.shift();
    else if (word === "-C") cwd = resolve(cwd, words.shift() ?? ".");
    else if (!word.startsWith("-")) return [{ argv: [word, ...words], cwd, env }];
  }
  return [];
}

/** Words with which a script is no plain list of commands, or changes where the next ones are found. */
const KEYWORDS =
  /^(?:if|for|while|until|case|function|select|cd|pushd|source|\.|eval|trap|set|[{([!].*)$/;

/** The commands of a plain list, `a && exec b`, up to the first word that only a shell can interpret. */
function commandsOfShell({ argv, cwd, env }: Command): readonly Command[] {
  const at = argv.findIndex((word) => /^-[a-z]*c$/.test(word));
  const script = at > 0 ? argv[at + 1] : undefined;
  if (script === undefined) return [];
  const found: Command[] = [];
  for (const words of simpleCommands(script)) {
    const start = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && word !== "exec");
    const [program = "", ...args] = start < 0 ? [] : words.slice(start);
    if (KEYWORDS.test(program)) break;
    if (program !== "" && !program.includes("$"))
      found.push({ argv: [program, ...args], cwd, env });
  }
  return found;
}

function simpleCommands(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  for (const word of parseScript(script)) {
    if (typeof word === "string") commands.at(-1)?.push(word);
    else if ("op" in word && (word.op === "&&" || word.op === ";")) commands.push([]);
    else if ("op" in word && word.op === "glob") commands.at(-1)?.push("*");
    else break;
  }
  return commands;
}

function parseScript(script: string): ReturnType<typeof parse> {
  try {
    return parse(script.replaceAll("\n", ";"), (variable) => `$${variable}`);
  } catch {
    return [];
  }
}

/** Options of `uv run` and of `poetry run` that take a value. */
const VALUED =
  /^(?:-p|-f|-i|-w|-C|--(?:project|directory|python|package|(?:no-|only-)?(?:group|extra)|env-file|(?:default-|extra-)?index(?:-url)?|find-links|cache-dir|config-file|with(?:-requirements|-editable)?))$/;

/** The Python of the project's virtual environment, and the program that is run in it. */
function commandsOfRunner(command: Command, files: ProgramFiles): readonly Command[] {
  const { argv, env } = command;
  const at = argv.indexOf("run");
  if (at < 0) return [];
  const end = endOfOptions(argv, at + 1);
  const cwd = resolve(command.cwd, optionOf(argv.slice(1, end), "--directory") ?? ".");
  const start = resolve(cwd, optionOf(argv.slice(1, end), "--project") ?? ".");
  const isRoot = (each: string) => exists(`${each}/pyproject.toml`, files);
  const project = upwards(start).find(isRoot) ?? start;
  const venv = resolve(project, env["UV_PROJECT_ENVIRONMENT"] ?? ".venv");
  const inVenv = (name: string) => [{ argv: [`${venv}/bin/${name}`], cwd, env }];
  const python = exists(`${venv}/bin`, files) ? inVenv("python") : [];
  const [program, ...args] = argv.slice(end);
  if (program === undefined || program.includes("/") || /\.py$/.test(program)) return python;
  return isProgram(`${venv}/bin/${program}`, files)
    ? [...python, ...inVenv(program)]
    : [...python, { argv: [program, ...args], cwd, env }];
}

function endOfOptions(argv: readonly string[], from: number): number {
  let at = from;
  while (argv[at]?.startsWith("-")) {
    if (argv[at] === "--") return at + 1;
    // A module or a script of Python's follows.
    if (/^(?:-m|--module|-s|--script)$/.test(argv[at] ?? "")) return argv.length;
    at += VALUED.test(argv[at] ?? "") ? 2 : 1;
  }
  return at;
}

function optionOf(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name);
  const joined = argv.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  return at < 0 ? joined : argv[at + 1];
}
