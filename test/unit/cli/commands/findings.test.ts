import { expect, test } from "bun:test";
import { renderFindings, renderSummary } from "../../../../src/cli/commands/findings.ts";
import { paint } from "../../../../src/cli/output.ts";
import type { Finding, UnmetNeed } from "../../../../src/doctor/finding.ts";

const finding: Finding = {
  id: "ports",
  group: "network",
  title: "port range",
  state: "warning",
  found: "32768 to 60999",
  meaning: "a ".repeat(100).trim(),
  remedy: `sysctl -w ${"x".repeat(100)}`,
  blocks: [],
};

const plain = (text: string) => text;

test("findings are listed by group, in the order of the report", () => {
  const host: Finding = { ...finding, group: "host", title: "kernel" };
  const lines = renderFindings([finding, host], plain).split("\n");
  expect(lines.filter((line) => /^\S/.test(line))).toEqual(["Host", "Network"]);
});

test("text is wrapped at 80 columns; a remedy is not, so that it can be copied", () => {
  const lines = renderFindings([finding], plain).split("\n");
  const remedy = lines.filter((line) => line.includes("sysctl"));
  expect(remedy).toEqual([`           remedy: ${finding.remedy}`]);
  const text = lines.filter((line) => !line.includes("sysctl"));
  expect(Math.max(...text.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("each alternative remedy has a line of its own", () => {
  const text = renderFindings([{ ...finding, remedy: "one\ntwo" }], plain);
  expect(text).toEndWith("           remedy: one\n               or: two\n");
});

test("the summary says whether the host provides what the configuration needs", () => {
  const missing: Finding = { ...finding, state: "missing", blocks: ["cpu_limit"] };
  const gap = { service: "notes", need: "cpu_limit", finding: missing } as const;
  const findings = [finding, missing];
  const counts = "0 ok, 1 warning, 1 missing; ";
  const summary = (gaps: readonly UnmetNeed[], hasConfig = true) =>
    renderSummary({ findings, gaps, hasConfig });
  expect(summary([], false)).toBe(`${counts}no configuration to compare with\n`);
  expect(summary([])).toBe(`${counts}this host provides all that the configuration needs\n`);
  expect(summary([gap, gap])).toBe(
    `${counts}1 configured service needs something that is missing\n`,
  );
});

test("only the state is coloured", () => {
  expect(renderFindings([finding], paint)).toContain(
    `  ${paint("warning", "yellow")}  port range: `,
  );
  expect(renderFindings([finding], plain)).toContain("  warning  port range: 32768 to 60999\n");
});

test("control characters in a finding do not reach the terminal", () => {
  expect(renderFindings([{ ...finding, found: "\x1b]0;title\x07" }], plain)).not.toContain("\x1b");
});
