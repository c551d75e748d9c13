import { describe, expect, test } from "bun:test";
import { type Flag, GLOBAL_FLAGS } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { FakeShell, runWith } from "./fakes.ts";

describe.each(COMMANDS.map(({ name }) => name))("ten %s", (name) => {
  const entry = COMMANDS.find((command) => command.name === name);

  test("--help names every flag, every operand and an example", async () => {
    const command = await entry?.load();
    if (command === undefined) throw new Error("The command does not load");
    const { exit, out, err } = await runWith(new FakeShell(), ...name.split(" "), "--help");
    expect([exit, err]).toEqual([0, ""]);
    for (const [flag, { about, short }] of Object.entries<Flag>({
      ...command.flags,
      ...GLOBAL_FLAGS,
    })) {
      const spelling = short === undefined ? `    --${flag}` : `-${short}, --${flag}`;
      expect(out).toMatch(new RegExp(`^  ${spelling}\\b.*$`, "m"));
      expect(out).toContain(about);
    }
    for (const operand of command.operands) {
      expect(out).toContain(operand.choices?.join("|") ?? operand.name);
    }
    expect(out).toContain(`Usage: ten ${name}`);
    expect(out).toContain(`  ten ${name}`);
    expect(out).toContain(command.about);
  });

  test("its own flags hide no global one, and no letter means two things", async () => {
    const command = await entry?.load();
    const own = Object.keys(command?.flags ?? {});
    expect(own.filter((flag) => Object.hasOwn(GLOBAL_FLAGS, flag))).toEqual([]);
    const letters = Object.values<Flag>({ ...command?.flags, ...GLOBAL_FLAGS }).flatMap(
      ({ short }) => short ?? [],
    );
    expect(new Set(letters).size).toBe(letters.length);
  });
});

test("--help and help list every command", async () => {
  for (const argv of [["--help"], ["-h"], ["help"]]) {
    const { exit, out } = await runWith(new FakeShell(), ...argv);
    expect(exit).toBe(0);
    for (const { name, summary } of COMMANDS) {
      expect(out).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
    }
  }
});

test("help NAME is NAME --help; a group shows all of its commands", async () => {
  const page = async (...argv: string[]) => (await runWith(new FakeShell(), ...argv)).out;
  expect(await page("help", "ps")).toBe(await page("ps", "--help"));
  const group = await page("env", "--help");
  for (const name of ["env set", "env unset", "env ls"])
    expect(group).toContain(`Usage: ten ${name}`);
});
