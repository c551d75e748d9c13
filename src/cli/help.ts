// Help pages: of the program, of a group of commands, of one command.
import { type Command, type Flag, type Flags, GLOBAL_FLAGS, type Operand } from "./command.ts";

interface Line {
  readonly left: string;
  readonly right: string;
}

/** @param entries commands with their summaries */
export function renderProgramHelp(
  entries: readonly { readonly name: string; readonly summary: string }[],
): string {
  return [
    "ten runs many tenants on one server: each has its own process, data and address, and sleeps while unused.",
    "",
    "Usage: ten COMMAND [OPERANDS] [FLAGS]",
    "",
    "Commands:",
    renderLines(entries.map(({ name, summary }) => ({ left: name, right: summary }))),
    "",
    "Flags of every command:",
    renderFlags(GLOBAL_FLAGS),
    renderLines([{ left: "-V, --version", right: "Show version, commit, Bun version and target" }]),
    "",
    "ten COMMAND --help tells more about a command.",
    "",
  ].join("\n");
}

export function renderCommandHelp(name: string, command: Command): string {
  const { about, operands, flags, examples } = command;
  const operandText = operands.map((operand) => ` ${renderOperand(operand)}`).join("");
  const own = renderFlags(flags);
  return [
    about,
    "",
    `Usage: ten ${name}${operandText} [FLAGS]`,
    ...(own === "" ? [] : ["", "Flags:", own]),
    "",
    "Flags of every command:",
    renderFlags(GLOBAL_FLAGS),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.map((example) => `  ten ${example}`),
    "",
  ].join("\n");
}

function renderOperand({ name, choices, optional, repeated }: Operand): string {
  const text = `${choices?.join("|") ?? name}${repeated ? "…" : ""}`;
  return optional ? `[${text}]` : text;
}

function renderFlags(flags: Flags): string {
  return renderLines(
    Object.entries(flags).map(([name, flag]) => ({
      left: renderFlag(name, flag),
      right: flag.about,
    })),
  );
}

function renderFlag(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  if (flag.kind === "switch") return `${short}--${name}`;
  const value = flag.kind === "text" ? (flag.choices?.join("|") ?? flag.value) : `${flag.value}…`;
  return `${short}--${name} ${value}`;
}

const LEFT_WIDTH = 26;

function renderLines(lines: readonly Line[]): string {
  return lines
    .map(({ left, right }) =>
      left.length < LEFT_WIDTH
        ? `  ${left.padEnd(LEFT_WIDTH)}${right}`
        : `  ${left}\n${" ".repeat(LEFT_WIDTH + 2)}${right}`,
    )
    .join("\n");
}
