import { describe, expect, test } from "bun:test";
import { parseArgs } from "citty";
import type { Arg, Args } from "../../../src/cli/args.ts";
import {
  checkOperands,
  findWords,
  parseInteger,
  parsePairs,
  readLine,
  valuesOf,
} from "../../../src/cli/parse.ts";

const FLAGS = {
  all: { type: "boolean", default: false, alias: "a" },
  follow: { type: "boolean", default: false, alias: "f" },
  limit: { type: "string", alias: "n", valueHint: "N" },
  level: { type: "enum", options: ["stdout", "stderr"], valueHint: "L" },
  env: { type: "string", alias: "e", valueHint: "K=V", repeated: true },
  start: { type: "boolean", default: true, negativeDescription: "" },
} satisfies Args;
const NOTHING = {
  all: false,
  follow: false,
  limit: undefined,
  level: undefined,
  env: [],
  start: true,
};

/** The arguments that a command receives: from citty, and repeated flags from `valuesOf`. */
function read(argv: readonly string[]) {
  const { rawArgs, operands } = readLine(argv, FLAGS);
  const { all, follow, limit, level, start, _ } = parseArgs<typeof FLAGS>(rawArgs, FLAGS);
  expect(_).toEqual([...operands]);
  return {
    values: { all, follow, limit, level, start, env: valuesOf("env", rawArgs) },
    operands,
  };
}

test.each([
  ["", {}, []],
  ["notes:a --all", { all: true }, ["notes:a"]],
  ["--all notes:a", { all: true }, ["notes:a"]],
  ["-af", { all: true, follow: true }, []],
  ["-fn5 x", { follow: true, limit: "5" }, ["x"]],
  ["-n 5 x", { limit: "5" }, ["x"]],
  ["-n=5", { limit: "5" }, []],
  ["--limit 5", { limit: "5" }, []],
  ["--limit=5 --limit=6", { limit: "6" }, []],
  ["--limit=", { limit: "" }, []],
  ["--limit=-5", { limit: "-5" }, []],
  ["--limit -5 x", { limit: "-5" }, ["x"]],
  ["--limit -_k3-A -a", { limit: "-_k3-A", all: true }, []],
  ["--limit --k3", { limit: "--k3" }, []],
  ["--limit -", { limit: "-" }, []],
  ["--limit --no-k3 --limit=--no-k4 a", { limit: "--no-k4" }, ["a"]],
  ["--limit --no-k3", { limit: "--no-k3" }, []],
  ["--env A=1 -e B=2 --env=C=3", { env: ["A=1", "B=2", "C=3"] }, []],
  ["--no-start", { start: false }, []],
  ["--level stderr", { level: "stderr" }, []],
  ["a -- --all -f --", {}, ["a", "--all", "-f", "--"]],
  ["-e A=1 -- --env=B=2 --no-start", { env: ["A=1"] }, ["--env=B=2", "--no-start"]],
  ["-", {}, ["-"]],
])("%p is read as %j and %j", (line, values, operands) => {
  const argv = line.split(" ").filter(Boolean);
  expect(read(argv)).toEqual({ values: { ...NOTHING, ...values }, operands });
});

test.each([
  ["--al", 'Cannot use "--al": unknown flag, did you mean "--all"?'],
  ["--zzz", 'Cannot use "--zzz": unknown flag'],
  ["--start", 'Cannot use "--start": unknown flag'],
  ["--constructor", 'Cannot use "--constructor": unknown flag'],
  ["-x", 'Cannot use "-x": unknown flag'],
  ["-ax", 'Cannot use "-x": unknown flag'],
  ["-5", 'Cannot use "-5": unknown flag'],
  ["--all=true", 'Cannot use "--all=true": it takes no value'],
  ["--limit", 'Cannot use "--limit": it needs a value'],
  ["--limit --all", 'Cannot use "--limit": it needs a value'],
  ["--limit --level=stderr", 'Cannot use "--limit": it needs a value'],
  ["--limit -f", 'Cannot use "--limit": it needs a value'],
  ["--limit -- 5", 'Cannot use "--limit": it needs a value'],
  ["-n", 'Cannot use "-n": it needs a value'],
  ["--level stdin", 'Cannot use "--level stdin": expected stdout or stderr'],
])("%p is refused: %s", (line, message) => {
  expect(() => readLine(line.split(" "), FLAGS)).toThrow(message);
});

test.each([
  ["ps", ["ps"], false],
  ["--data-dir ps ps", ["ps"], false],
  ["--data-dir=x --json ps", ["ps"], false],
  ["env --server http://x set notes:a", ["env", "set"], false],
  ["-a ps", ["ps"], false],
  ["env set a b", ["env", "set"], false],
  ["ps --help", ["ps"], true],
  ["-h env", ["env"], true],
  ["spawn -- --help", ["spawn"], false],
  ["", [], false],
])("the words of %p are %j", (line, words, wantsHelp) => {
  const found = findWords(line.split(" ").filter(Boolean));
  expect(found.words.map(({ value }) => value)).toEqual(words);
  expect(found.wantsHelp).toBe(wantsHelp);
});

describe("operands", () => {
  const REF: Arg = { type: "positional", required: true, valueHint: "REF" };
  const SHELL: Arg = { ...REF, valueHint: "SHELL", options: ["bash", "zsh"] };
  const check = (given: readonly string[], ...expected: Arg[]) =>
    checkOperands("x", { given, args: Object.fromEntries(expected.entries()) });

  test("as many as the command takes are accepted", () => {
    check([]);
    check(["a"], REF);
    check(["a", "b", "c"], { ...REF, repeated: true });
    check([], { ...REF, required: false });
    check(["bash"], SHELL);
  });

  test("missing, surplus and unknown ones are refused", () => {
    expect(() => check([], REF)).toThrow('Cannot run "x": REF is missing');
    expect(() => check(["a", "b"], REF)).toThrow('Cannot run "x": unexpected "b"');
    expect(() => check(["a"])).toThrow('Cannot run "x": unexpected "a"');
    expect(() => check(["a"], REF, { ...REF, valueHint: "NAME", repeated: true })).toThrow(
      "NAME is missing",
    );
    expect(() => check(["bsh"], SHELL)).toThrow(
      'Cannot use "bsh": expected bash, zsh, did you mean "bash"?',
    );
  });
});

test.each(["", "-1", "1.5", "0x10", "1e2", "101", "9".repeat(30), " 5"])(
  "%p is not a number from 0 to 100",
  (text) => {
    expect(() => parseInteger(text, { name: "a weight", min: 0, max: 100 })).toThrow(
      "as a weight: expected a whole number from 0 to 100",
    );
  },
);

test("variables are split at the first equals sign; a message does not repeat text without one, which may be a secret", () => {
  expect(parsePairs(["A=1", "B=", "C=x=y"])).toEqual({ A: "1", B: "", C: "x=y" });
  for (const text of ["s3cret", "=s3cret"]) {
    expect(() => parsePairs([text])).toThrow(/^(?!.*s3cret).*NAME=VALUE/);
  }
});

describe("a verbatim operand", () => {
  const args: Args = {
    ...FLAGS,
    ref: { type: "positional", required: true, valueHint: "REF" },
    command: { type: "positional", required: true, repeated: true, verbatim: true },
  };

  test("and all that follows belongs to another program", () => {
    expect(readLine(["-a", "x:y", "ls", "--unknown", "--", "-n"], args)).toEqual({
      rawArgs: ["--all", "--", "x:y", "ls", "--unknown", "--", "-n"],
      operands: ["x:y", "ls", "--unknown", "--", "-n"],
    });
    expect(readLine(["x:y", "--", "ls", "-la"], args).operands).toEqual(["x:y", "ls", "-la"]);
    expect(() => readLine(["x:y", "--unknown", "ls"], args)).toThrow("unknown flag");
  });

  test("asks for no help of ours after it", () => {
    expect(findWords(["exec", "x:y", "ls", "--help"]).wantsHelp).toBe(false);
    expect(findWords(["exec", "x:y", "--help"]).wantsHelp).toBe(true);
    expect(findWords(["logs", "x:y", "z", "--help"]).wantsHelp).toBe(true);
  });
});
