// How findings about the host are read: by group, each with what it means and its remedy, in 80 columns.
import { FINDING_GROUPS, type Finding, type FindingState } from "../core/finding.ts";
import { type Colour, renderSafe } from "./output.ts";

type Paint = (text: string, colour: Colour) => string;

const COLUMNS = 80;
const COLOURS: Readonly<Record<FindingState, Colour>> = {
  ok: "green",
  warning: "yellow",
  missing: "red",
};
/** Wide enough for the longest state, and for two spaces on either side. */
const STATE_COLUMNS = 9;
const INDENT = " ".repeat(2 + STATE_COLUMNS);

export function renderFindings(findings: readonly Finding[], paint: Paint): string {
  const groups = FINDING_GROUPS.flatMap((group) => {
    const own = findings.filter((finding) => finding.group === group);
    if (own.length === 0) return [];
    const title = group.charAt(0).toUpperCase() + group.slice(1);
    return [`${title}\n${own.map((finding) => renderFinding(finding, paint)).join("")}`];
  });
  return groups.join("\n");
}

function renderFinding(finding: Finding, paint: Paint): string {
  const { found, meaning, remedy, state, title } = finding;
  const head = wrap(renderSafe(`${title}: ${found}`)).replace(INDENT, "");
  const pad = " ".repeat(STATE_COLUMNS - state.length);
  return [
    `  ${paint(state, COLOURS[state])}${pad}${head}`,
    ...(meaning === null ? [] : [wrap(renderSafe(meaning))]),
    // Not wrapped: it is there to be copied.
    ...(remedy === null ? [] : [`${INDENT}remedy: ${renderSafe(remedy)}\n`]),
  ].join("");
}

/** Indented lines of whole words. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    const fits = INDENT.length + line.length + 1 + Bun.stringWidth(word) <= COLUMNS;
    if (line === "" || fits) lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => `${INDENT}${line}\n`).join("");
}
