import { expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { InstanceError, startFailure } from "../../../../src/core/failure.ts";
import { lineOf } from "../../control/fake-logs.ts";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

const NO_PROGRAM = startFailure('"foo" is not found on PATH', "Install it");
const NO_WALLS = startFailure("no walls", "Build them");

test("spawn that fails prints the last log lines and ends with 1; the others still start", async () => {
  const start = api.world.administration.start.bind(api.world.administration);
  api.world.administration.start = async (ref) => {
    if (ref.id !== "carol") return start(ref);
    throw new TenError("START_FAILED", 'Cannot start "notes:carol": it exited with code 1');
  };
  api.world.logs.write(lineOf("notes:carol", "no such table\x1b[2J"));
  expect(await ten("spawn", "notes:carol", "notes:dan")).toEqual({
    exit: 1,
    out: "notes:dan is ready at http://dan.notes.localhost:8080 (127.0.0.1:30001)\n",
    err:
      'error: Cannot start "notes:carol": it exited with code 1\n  no such table\\x1b[2J\n' +
      "hint: See what the server does about it with ten why notes:carol, and its output with ten logs notes:carol\n",
  });
});

test.each(["start", "restart", "enable"])("%s prints the hint of a failed start", async (order) => {
  const ref = { service: "notes", id: "alice" };
  api.world.administration.add("notes:alice");
  api.world.administration.stories.set("notes:alice", { lastLaunch: null });
  const fails = (failure: typeof NO_PROGRAM) => async () => {
    throw new InstanceError(ref, { verb: "start", failure });
  };
  Object.assign(api.world.administration, { [order]: fails(NO_PROGRAM) });
  api.world.administration.stories.set("notes:alice", { lastLaunch: null });
  expect(await ten(order, "notes:alice")).toEqual({
    exit: 1,
    out: "",
    err: 'error: Cannot start "notes:alice": "foo" is not found on PATH\nhint: Install it\n',
  });
  Object.assign(api.world.administration, { [order]: fails(startFailure("exited with code 1")) });
  api.world.administration.stories.delete("notes:alice");
  expect((await ten(order, "notes:alice")).err).toBe(
    'error: Cannot start "notes:alice": exited with code 1; it wrote nothing\n' +
      "hint: See what the server does about it with ten why notes:alice, and its output with ten logs notes:alice\n",
  );
});

test("why prints the hint of a failure, after its reason", async () => {
  api.world.administration.add("notes:bob", { state: "failed", failure: NO_PROGRAM });
  const [head, hint] = (await ten("why", "notes:bob")).out.split("\n");
  expect(head).toBe('notes:bob is failed: "foo" is not found on PATH');
  expect(hint).toBe("  hint      Install it");
});

test("ps prints each hint once, with its instances", async () => {
  const fail = (name: string, failure: typeof NO_PROGRAM) =>
    api.world.administration.add(name, { state: "failed", failure });
  const hintLines = async (...args: string[]) =>
    (await ten("ps", ...args)).out.split("\n").filter((line) => line.startsWith("hint"));
  fail("notes:dan", NO_PROGRAM);
  for (const name of ["notes:eve", "notes:fay"]) fail(name, NO_WALLS);
  expect(await hintLines()).toEqual([
    "hint for notes:dan: Install it",
    "hint for notes:eve, notes:fay: Build them",
  ]);
  for (const name of ["notes:gil", "notes:hal"]) fail(name, NO_WALLS);
  expect(await hintLines()).toContain("hint for 4 instances: Build them");
  expect(await hintLines("--quiet")).toEqual([]);
});
