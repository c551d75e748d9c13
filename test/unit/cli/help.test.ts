import { describe, expect, test } from "bun:test";
import { flagsOf, GLOBAL_ARGS, operandsOf } from "../../../src/cli/args.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { FakeShell, runWith } from "./fakes.ts";

describe.each(COMMANDS.map(({ name }) => name))("ten %s", (name) => {
  const entry = COMMANDS.find((command) => command.name === name);

  test("--help names every flag, every operand and an example", async () => {
    const command = await entry?.load();
    if (command === undefined) throw new Error("The command does not load");
    const { exit, out, err } = await runWith(new FakeShell(), ...name.split(" "), "--help");
    expect([exit, err]).toEqual([0, ""]);
    for (const { name: flag, short, about } of flagsOf({ ...command.args, ...GLOBAL_ARGS })) {
      const spelling = short === undefined ? `    --${flag}` : `-${short}, --${flag}`;
      expect(out).toMatch(new RegExp(`^  ${spelling}\\b.*$`, "m"));
      expect(about).not.toBe("");
      expect(out).toContain(about);
    }
    for (const { options, valueHint = "" } of operandsOf(command.args)) {
      expect(valueHint).not.toBe("");
      expect(out).toContain(options?.join("|") ?? valueHint);
    }
    expect(out).toContain(`Usage: ten ${name}`);
    expect(out).toContain(`  ten ${name}`);
    expect(out).toContain(command.meta.description);
  });

  test("its own flags hide no global flag, and each letter has one meaning", async () => {
    const command = await entry?.load();
    const own = Object.keys(command?.args ?? {});
    expect(own.filter((flag) => Object.hasOwn(GLOBAL_ARGS, flag))).toEqual([]);
    const letters = flagsOf({ ...command?.args, ...GLOBAL_ARGS }).flatMap(
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
