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

test("findings stand under their group, in the order of a report", () => {
  const host: Finding = { ...finding, group: "host", title: "kernel" };
  const lines = renderFindings([finding, host], plain).split("\n");
  expect(lines.filter((line) => /^\S/.test(line))).toEqual(["Host", "Network"]);
});

test("text is wrapped at 80 columns; a remedy, which is there to be copied, is not", () => {
  const lines = renderFindings([finding], plain).split("\n");
  const remedy = lines.filter((line) => line.includes("sysctl"));
  expect(remedy).toEqual([`           remedy: ${finding.remedy}`]);
  const text = lines.filter((line) => !line.includes("sysctl"));
  expect(Math.max(...text.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("of several remedies each stands on a line of its own", () => {
  const text = renderFindings([{ ...finding, remedy: "one\ntwo" }], plain);
  expect(text).toEndWith("           remedy: one\n               or: two\n");
});

test("the summary says whether the configuration gets what it asks for", () => {
  const missing: Finding = { ...finding, state: "missing", blocks: ["cpu_limit"] };
  const gap = { service: "notes", need: "cpu_limit", finding: missing } as const;
  const findings = [finding, missing];
  const counts = "0 ok, 1 warning, 1 missing; ";
  const summary = (gaps: readonly UnmetNeed[], hasConfig = true) =>
    renderSummary({ findings, gaps, hasConfig });
  expect(summary([], false)).toBe(`${counts}no configuration to compare them with\n`);
  expect(summary([])).toBe(`${counts}the configuration gets all that it asks for\n`);
  expect(summary([gap, gap])).toBe(`${counts}1 of its services asks for what is missing\n`);
});

test("the state is coloured, if at all", () => {
  expect(renderFindings([finding], paint)).toContain(
    `  ${paint("warning", "yellow")}  port range: `,
  );
  expect(renderFindings([finding], plain)).toContain("  warning  port range: 32768 to 60999\n");
});

test("what a file of the host says can't drive the terminal", () => {
  expect(renderFindings([{ ...finding, found: "\x1b]0;title\x07" }], plain)).not.toContain("\x1b");
});
