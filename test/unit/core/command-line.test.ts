import { expect, test } from "bun:test";
import { splitCommandLine } from "../../../src/core/command-line.ts";
import { randomFrom } from "../../support/random.ts";

test.each<[string, string[]]>([
  ["uv run python app.py", ["uv", "run", "python", "app.py"]],
  ["  a \t b  ", ["a", "b"]],
  ["a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]],
  ["a ''", ["a", ""]],
  ["a b'c'\"d\"e", ["a", "bcde"]],
  ['a "say \\"hi\\""', ["a", 'say "hi"']],
  ["a '$HOME *.py `date` # | && ~'", ["a", "$HOME *.py `date` # | && ~"]],
  ['a "*.py # | && ~"', ["a", "*.py # | && ~"]],
  ["a \\*.py \\$HOME \\# \\~", ["a", "*.py", "$HOME", "#", "~"]],
  ["a $'x\\ty' '5$' 5$", ["a", "x\ty", "5$", "5$"]],
  ["sh -c 'one\ntwo'", ["sh", "-c", "one\ntwo"]],
  ["a --port={port} {data_dir}/x", ["a", "--port={port}", "{data_dir}/x"]],
  ["a '{\"a\":1}' x=y a~b", ["a", '{"a":1}', "x=y", "a~b"]],
])("splits %j", (command, argv) => {
  expect(splitCommandLine(command)).toEqual({ kind: "argv", argv });
});

const NO_SHELL = 'no shell runs, so write command = "sh" and args = ["-c", "..."] to use one';

test.each<[string, string[]]>([
  ["", ["expected a program, got an empty command"]],
  [" \t\n", ["expected a program, got an empty command"]],
  ["'' a", ['expected a program, got ""']],
  ["cd x && ./run", [`"&&" is shell syntax: ${NO_SHELL}`]],
  ["a | b", [`"|" is shell syntax: ${NO_SHELL}`]],
  ["a;b", [`";" is shell syntax: ${NO_SHELL}`]],
  ["a &", [`"&" is shell syntax: ${NO_SHELL}`]],
  ["a > log", [`">" is shell syntax: ${NO_SHELL}`]],
  ["a 2>&1", [`">&" is shell syntax: ${NO_SHELL}`]],
  ["a *.py", [`"*.py" is not expanded; quote it to pass it on: ${NO_SHELL}`]],
  ["a # b", ['"#" starts a comment in a shell; quote it to pass it on']],
  ["a $HOME", [`"$HOME" is not expanded: ${NO_SHELL}`]],
  [`a "\${X:-y}"`, [`"$X:-y" is not expanded: ${NO_SHELL}`]],
  ["a --port $PORT", ['"$PORT" is not expanded: no shell runs, so write {port} instead']],
  [
    `a \${SOCKET_PATH}`,
    ['"$SOCKET_PATH" is not expanded: no shell runs, so write {socket} instead'],
  ],
  [`a \${}`, [`"\${}" is not expanded: ${NO_SHELL}`]],
  ["a $X $X", [`"$X" is not expanded: ${NO_SHELL}`]],
  ["a `b`", [`"\`" is not run: ${NO_SHELL}`]],
  ['a "`b`"', [`"\`" is not run: ${NO_SHELL}`]],
  ["a $(b)", [`"$(" is not run: ${NO_SHELL}`]],
  ['a "$(b)"', [`"$(" is not run: ${NO_SHELL}`]],
  ["a 'b", ["expected a closing quote, got the end of the command"]],
  ['a "b', ["expected a closing quote, got the end of the command"]],
  ["a \\", ['expected a character after "\\", got the end of the command']],
  ["a\nb", ["expected one line, got a line break outside quotes"]],
  ["a \\\n b", ["expected one line, got a line break outside quotes"]],
  ["~/bin/a", ['"~" is not expanded; write the whole path']],
  ["a ~/b", ['"~" is not expanded; write the whole path']],
  ["PORT=1 a", ['expected a program, got the assignment "PORT=1"; write it under env']],
  ["a $X | b", [`"$X" is not expanded: ${NO_SHELL}`, `"|" is shell syntax: ${NO_SHELL}`]],
])("refuses %j and suggests a correct form", (command, problems) => {
  expect(splitCommandLine(command)).toEqual({ kind: "problems", problems });
});

test("splits every accepted command as sh does", () => {
  const random = randomFrom(7);
  const pieces = [
    "a",
    "-b",
    " ",
    "  ",
    "'",
    '"',
    "\\",
    "é",
    "=",
    "{id}",
    "/",
    "$",
    "#",
    "*",
    "`",
    "~",
  ];
  const accepted: string[] = [];
  const argvs: (readonly string[])[] = [];
  for (let round = 0; round < 4000; round++) {
    const command = `x ${Array.from({ length: 7 }, () => random.pick(pieces)).join("")}`;
    const split = splitCommandLine(command);
    // Shells disagree about `$'…'` and `$"…"`.
    if (split.kind === "problems" || /\$['"]/.test(command)) continue;
    accepted.push(command);
    argvs.push(split.argv);
  }
  const script = accepted.map((command) => `${command}; printf '\\n'`).join("\n");
  const shell = Bun.spawnSync(["sh", "-c", `x() { printf '%s\\0' x "$@"; }\n${script}`]);
  const expected = argvs.map((argv) => `${argv.map((word) => `${word}\0`).join("")}\n`).join("");
  expect(accepted.length).toBeGreaterThan(300);
  expect(shell.stdout.toString()).toBe(expected);
});
