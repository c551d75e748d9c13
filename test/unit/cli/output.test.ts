import { expect, test } from "bun:test";
import {
  paint,
  renderBytes,
  renderDuration,
  renderMs,
  renderSafe,
  renderTable,
} from "../../../src/cli/output.ts";

test("columns are aligned by visible width, numbers to the right, without trailing spaces", () => {
  const rows = [
    { name: "alice", state: paint("up", "green"), count: "7" },
    { name: "é", state: "starting", count: "1234" },
  ];
  const table = renderTable(
    [
      { title: "NAME", cell: ({ name }) => name },
      { title: "COUNT", align: "right", cell: ({ count }) => count },
      { title: "STATE", cell: ({ state }) => state },
    ],
    rows,
  );
  expect(table).toBe(
    ["NAME   COUNT  STATE", "alice      7  \x1b[32mup\x1b[39m", "é       1234  starting", ""].join(
      "\n",
    ),
  );
});

test.each([
  [0, "0s"],
  [0.9, "0s"],
  [-5, "0s"],
  [59, "59s"],
  [60, "1m"],
  [192, "3m12s"],
  [3600, "1h"],
  [3661, "1h1m"],
  [86_399, "23h59m"],
  [352_800, "4d2h"],
  [86_460, "1d"],
])("%p seconds are %s", (seconds, text) => {
  expect(renderDuration(seconds)).toBe(text);
});

test.each([
  [0, "0 ms"],
  [4.6, "5 ms"],
  [999, "999 ms"],
  [1340, "1.3 s"],
])("%p milliseconds are %s", (ms, text) => {
  expect(renderMs(ms)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [12_900_000, "12.3 MiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("%p bytes are %s", (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});

test.each([
  ["plain\ttext é 🙂", "plain\ttext é 🙂"],
  ["\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"],
  ["\x1b[1;31mred", "\x1b[1;31mred\x1b[0m"],
  ["\x1b[38;5;8;4mgrey\x1b[m", "\x1b[38;5;8;4mgrey\x1b[m\x1b[0m"],
  ["\x1b[8mhidden", "\\x1b[8mhidden"],
  ["\x1b[31;8mhidden", "\\x1b[31;8mhidden"],
  ["\x1b]0;title\x07", "\\x1b]0;title\\x07"],
  ["\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"],
  ["a\rb\nc\0", "a\\x0db\\x0ac\\x00"],
  ["\x9b2J\x7f", "\\x9b2J\\x7f"],
])("%j is shown as %j", (text, shown) => {
  expect(renderSafe(text)).toBe(shown);
});
