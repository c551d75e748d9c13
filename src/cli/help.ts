// Renders help pages: of the program, and of a command.
import { type Arg, type Args, flagsOf, GLOBAL_ARGS, operandsOf } from "./args.ts";
import type { Command } from "./command.ts";

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
    renderFlags(GLOBAL_ARGS),
    renderLines([{ left: "-V, --version", right: "Show version, commit, Bun version and target" }]),
    "",
    "ten COMMAND --help shows more about a command.",
    "",
  ].join("\n");
}

export function renderCommandHelp(name: string, { meta, args }: Command): string {
  const operands = operandsOf(args).map((operand) =>
    operand.required ? ` ${renderValue(operand)}` : ` [${renderValue(operand)}]`,
  );
  const own = renderFlags(args);
  return [
    meta.description,
    "",
    `Usage: ten ${name}${operands.join("")} [FLAGS]`,
    ...(own === "" ? [] : ["", "Flags:", own]),
    "",
    "Flags of every command:",
    renderFlags(GLOBAL_ARGS),
    "",
    meta.examples.length === 1 ? "Example:" : "Examples:",
    ...meta.examples.map((example) => `  ten ${example}`),
    "",
  ].join("\n");
}

function renderFlags(args: Args): string {
  return renderLines(
    flagsOf(args).map(({ name, short, about, arg }) => {
      const letter = short === undefined ? "    " : `-${short}, `;
      const value = arg.type === "boolean" ? "" : ` ${renderValue(arg)}`;
      return { left: `${letter}--${name}${value}`, right: about };
    }),
  );
}

function renderValue({ options, valueHint, repeated }: Arg): string {
  return `${options?.join("|") ?? valueHint}${repeated ? "…" : ""}`;
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
