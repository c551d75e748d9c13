import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useApi } from "../api.ts";
import { runWith } from "../fakes.ts";

const api = useApi();
const { shellOf, ten } = api;
const stored = () => api.world.administration.env.get("notes:alice");

/** Runs a command that reads `input`. */
function tenWith(input: string, ...argv: string[]) {
  const shell = shellOf();
  shell.typed = input;
  return runWith(shell, ...argv);
}

test("env sets, unsets and lists, and says when the change is applied", async () => {
  const { out } = await ten("env", "set", "notes:alice", "COLOR=red", "API_KEY=s3cret");
  expect(out).toContain("applied at the next start of notes:alice");
  expect((await ten("env", "ls", "notes:alice")).out).toBe("COLOR=red\nAPI_KEY=********\n");
  await ten("env", "unset", "notes:alice", "COLOR");
  expect(stored()).toEqual({ API_KEY: "s3cret" });
});

test("shows values that may be secret on demand, and records it", async () => {
  await ten("env", "set", "notes:alice", "API_KEY=s3cret", "GREETING=hello");
  expect((await ten("env", "ls", "notes:alice")).out).toBe("API_KEY=********\nGREETING=********\n");
  expect((await ten("env", "ls", "notes:alice", "--reveal")).out).toBe(
    "API_KEY=s3cret\nGREETING=hello\n",
  );
  expect(api.world.trail.at(-1)).toBe("socket reveal-env notes:alice done");
});

test("reads a value from standard input, without the line break at its end", async () => {
  await tenWith("s3cret\n", "env", "set", "notes:alice", "TOKEN=-", "COLOR=red");
  expect(stored()).toEqual({ TOKEN: "s3cret", COLOR: "red" });
  await tenWith("from input", "spawn", "notes:alice", "--env", "TOKEN=-", "--no-start");
  expect(stored()).toMatchObject({ TOKEN: "from input" });
});

test("reads variables from files and standard input; arguments go before them", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ten-env-"));
  try {
    const file = join(directory, "alice.env");
    writeFileSync(file, "TOKEN='from file'\nCOLOR=red\nSIZE=1\n");
    const files = ["--env-file", file, "--env-file", "-"];
    await tenWith("SIZE=2\n", "env", "set", "notes:alice", "COLOR=blue", ...files);
    expect(stored()).toEqual({ TOKEN: "from file", SIZE: "2", COLOR: "blue" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  [["TOKEN=-", "--env-file", "-"], "Cannot read standard input twice"],
  [["--env-file", "/nonexistent/a.env"], "Cannot read variables from /nonexistent/a.env"],
  [["--env-file", "-"], "Cannot read variables from standard input: line 1: expected KEY=VALUE"],
  [[], "NAME=VALUE is missing"],
])("refuses %p", async (operands, message) => {
  const { err, exit } = await tenWith("s3cret", "env", "set", "notes:alice", ...operands);
  expect(exit).toBe(2);
  expect(err).toContain(message);
  expect(err).not.toContain("s3cret");
});
