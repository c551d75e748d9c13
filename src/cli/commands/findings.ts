// Renders the findings of ten doctor: by group, each with its meaning and remedy, in 80 columns.
import {
  FINDING_GROUPS,
  type Finding,
  type FindingState,
  type UnmetNeed,
} from "../../doctor/finding.ts";
import { type Colour, renderSafe } from "../output.ts";

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

/** One line: whether the host meets the needs of the configuration. */
export function renderSummary({
  findings,
  gaps,
  hasConfig,
}: {
  readonly findings: readonly Finding[];
  readonly gaps: readonly UnmetNeed[];
  readonly hasConfig: boolean;
}): string {
  const count = (state: FindingState) => findings.filter((each) => each.state === state).length;
  const counts = `${count("ok")} ok, ${count("warning")} warning, ${count("missing")} missing`;
  const services = new Set(gaps.map(({ service }) => service)).size;
  const outcome = !hasConfig
    ? "no configuration to compare with"
    : services === 0
      ? "this host provides all that the configuration needs"
      : `${services} configured ${services === 1 ? "service needs" : "services need"} something that is missing`;
  return `${counts}; ${outcome}\n`;
}

function renderFinding(finding: Finding, paint: Paint): string {
  const { found, meaning, remedy, state, title } = finding;
  const head = wrap(renderSafe(`${title}: ${found}`)).replace(INDENT, "");
  const pad = " ".repeat(STATE_COLUMNS - state.length);
  return [
    `  ${paint(state, COLOURS[state])}${pad}${head}`,
    ...(meaning === null ? [] : [wrap(renderSafe(meaning))]),
    ...(remedy === null ? [] : [renderRemedy(remedy)]),
  ].join("");
}

/** Not wrapped, so that it can be copied. Each line is an alternative. */
function renderRemedy(remedy: string): string {
  const lines = remedy.split("\n").map(renderLine);
  return lines.join("");
}

function renderLine(line: string, index: number): string {
  return `${INDENT}${index === 0 ? "remedy:" : "    or:"} ${renderSafe(line)}\n`;
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
