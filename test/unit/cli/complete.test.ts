import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { ControlWorld } from "../control/fakes.ts";
import { FakeShell, runWith } from "./fakes.ts";

let world: ControlWorld;

beforeAll(async () => {
  world = await ControlWorld.open();
  for (const name of ["notes:alice", "notes:bob", "wiki:alice"]) world.administration.add(name);
});

afterAll(() => world[Symbol.asyncDispose]());

/** @param line the command line, whose last word is completed */
async function candidates(line: string): Promise<readonly string[]> {
  const env = { TENEMENT_DATA_DIR: world.dataDir };
  const { exit, out, err } = await runWith(
    new FakeShell({ env }),
    "__complete",
    ...line.split(" "),
  );
  expect([exit, err]).toEqual([0, ""]);
  return out.split("\n").filter(Boolean);
}

test("an empty line completes to every command", async () => {
  const firstWords = [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? ""))];
  expect(await candidates("")).toEqual(firstWords);
});

test.each([
  ["sta", ["start"]],
  ["--json sta", ["start"]],
  ["--data-dir x sta", ["start"]],
  ["env ", ["set", "unset", "ls"]],
  ["env un", ["unset"]],
  ["config c", ["check"]],
  ["nonsense ", []],
  ["ps --w", ["--watch"]],
  ["logs --le", ["--level"]],
  ["logs --level ", ["stdout", "stderr", "server"]],
  ["logs --level std", ["stdout", "stderr"]],
  ["logs --limit ", []],
  ["logs -n ", []],
  ["--ser", ["--server"]],
  ["completions z", ["zsh"]],
  ["start ", ["notes:alice", "notes:bob", "wiki:alice"]],
  ["start notes:", ["notes:alice", "notes:bob"]],
  ["start notes:alice notes:", ["notes:bob"]],
  ["env set wiki", ["wiki:alice"]],
  ["env set wiki:alice ", []],
  ["weight notes:alice ", []],
  ["logs --level stderr wiki", ["wiki:alice"]],
  ["ps ", []],
])("%p completes to %j", async (line, expected) => {
  expect(await candidates(line)).toEqual(expected);
});

test("without a server there are no instances, and no error", async () => {
  const outcome = await runWith(new FakeShell(), "__complete", "start", "");
  expect(outcome).toEqual({ exit: 0, out: "", err: "" });
});

describe("the script for bash", () => {
  test.each([
    ["ten sta", "start"],
    ["ten start notes:", "alice bob"],
    ["ten start notes:al", "alice"],
    ["ten start wi", "wiki:alice"],
    ["ten --json env ", "set unset ls"],
  ])("%p completes to %s", async (line, expected) => {
    const script = (await runWith(new FakeShell(), "completions", "bash")).out;
    const main = join(import.meta.dir, "../../../src/main.ts");
    const program = join(world.dataDir, "ten");
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    chmodSync(program, 0o755);
    const test = `${script}\nCOMP_LINE=$1 COMP_POINT=\${#1}\n_ten\necho "\${COMPREPLY[*]}"`;
    const run = Bun.spawn(["bash", "--norc", "-c", test, "bash", line], {
      env: {
        PATH: `${world.dataDir}:${process.env["PATH"]}`,
        TENEMENT_DATA_DIR: world.dataDir,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(await run.stderr.text()).toBe("");
    expect((await run.stdout.text()).trim()).toBe(expected);
  });
});
