import { expect, test } from "bun:test";
import { isEnvName, parseEnvFile } from "../../../src/core/env-file.ts";

test.each<[string, Record<string, string>]>([
  ["", {}],
  ["\n  # only a comment\n\n", {}],
  ["A=1\nB=2", { A: "1", B: "2" }],
  ["A=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["\uFEFFA=1", { A: "1" }],
  ["export A=1", { A: "1" }],
  ["  A  =  1  ", { A: "1" }],
  ["A=", { A: "" }],
  ["A=\nB=2", { A: "", B: "2" }],
  ['A=""', { A: "" }],
  ["A=b c=d", { A: "b c=d" }],
  ["A=one # two", { A: "one" }],
  ["A= # two", { A: "" }],
  ["A=#fff", { A: "#fff" }],
  ["A=x#y", { A: "x#y" }],
  ["A='one # two' # three", { A: "one # two" }],
  ["A='$HOME \\n'", { A: "$HOME \\n" }],
  ["A=$HOME", { A: "$HOME" }],
  ['A="$HOME `b`"', { A: "$HOME `b`" }],
  [String.raw`A="a\nb\tc\"d\\e\$f\g"`, { A: 'a\nb\tc"d\\e$f\\g' }],
  ['A="one\ntwo"\nB=3', { A: "one\ntwo", B: "3" }],
  ["A=it's", { A: "it's" }],
  ["A=1\nA=2", { A: "2" }],
  ["spring.name=x\n_a-b=y", { "spring.name": "x", "_a-b": "y" }],
  ["__proto__=x", Object.fromEntries([["__proto__", "x"]])],
])("reads %j", (text, env) => {
  expect(parseEnvFile(text)).toEqual({ kind: "env", env });
});

const NAME_RULE =
  "expected a name of letters, digits, _, . and -, not starting with a digit, . or -";

test.each<[string, string[]]>([
  ["A=1\nhunter2\n", ["line 2: expected KEY=VALUE"]],
  ["=1", [`line 1: ${NAME_RULE}, got ""`]],
  ["1A=x", [`line 1: ${NAME_RULE}, got "1A"`]],
  ["A B=x", [`line 1: ${NAME_RULE}, got "A B"`]],
  ["A='x\nB=1", ["line 1: A has no closing '"]],
  ['\n\nA="x', ['line 3: A has no closing "']],
  ["A='x' y", ["line 1: A has text after its closing '"]],
  ['A="x"y', ['line 1: A has text after its closing "']],
  ['A="one\ntwo"\n?\nB', ["line 3: expected KEY=VALUE", "line 4: expected KEY=VALUE"]],
  ["A=\0", ["expected text, got a NUL byte"]],
])("refuses %j with the line number", (text, problems) => {
  expect(parseEnvFile(text)).toEqual({ kind: "problems", problems });
});

test("no problem contains a value", () => {
  const read = parseEnvFile("A='hunter2\nB='hunter2' hunter2\nhunter2\n");
  expect(read.kind).toBe("problems");
  expect(JSON.stringify(read)).not.toContain("hunter2");
});

test("recognizes valid variable names", () => {
  expect(["PATH", "_x", "a.b"].every(isEnvName)).toBe(true);
  expect(["", "1", "A=B", "A\nB", "ä"].some(isEnvName)).toBe(false);
});
