import { afterEach, beforeEach, expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { lineOf } from "../../control/fake-logs.ts";
import { ControlWorld } from "../../control/fakes.ts";
import { FakeShell, runWith } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:v1");
  world.administration.add("notes:v2", { weight: 0 });
});

afterEach(() => world[Symbol.asyncDispose]());

const ten = (...argv: readonly string[]) =>
  runWith(new FakeShell({ env: { TENEMENT_DATA_DIR: world.dataDir } }), ...argv);

const V1 = { service: "notes", id: "v1" };
const V2 = { service: "notes", id: "v2" };

test("deploy prints the address and the weight of the version", async () => {
  expect(await ten("deploy", "notes:v3", "--weight", "10", "--timeout", "5")).toEqual({
    exit: 0,
    out: "notes:v3 is healthy at http://v3.notes.localhost:8080 and has weight 10\n",
    err: "",
  });
  expect(world.deploys.orders).toEqual(["deploy notes:v3 10 5000"]);
});

test("a failed deploy prints the last lines and ends with 1", async () => {
  world.deploys.failure = new TenError("START_FAILED", 'Cannot start "notes:v3": no');
  world.administration.add("notes:v3");
  world.logs.write(lineOf("notes:v3", "no such table"));
  expect(await ten("deploy", "notes:v3")).toEqual({
    exit: 1,
    out: "",
    err: 'error: Cannot start "notes:v3": no\n  no such table\n',
  });
});

test("route prints both weights; a missing flag is a usage error", async () => {
  expect(await ten("route", "notes", "--from", "v1", "--to", "v2")).toEqual({
    exit: 0,
    out: "notes:v2 has weight 100\nnotes:v1 has weight 0 and has drained\n",
    err: "",
  });
  expect(await ten("route", "notes", "--from", "v1")).toMatchObject({
    exit: 2,
    err: expect.stringContaining("--to is missing"),
  });
});

test("rollout prints a line for each instance", async () => {
  world.deploys.progress = [
    { kind: "begun", total: 2, health: "/health" },
    { kind: "replaced", ref: V1, tookMs: 420 },
    { kind: "skipped", ref: V2 },
  ];
  world.deploys.outcome = { replaced: [V1], skipped: [V2], failed: [], remaining: [] };
  expect(await ten("rollout", "notes", "--parallel", "2")).toEqual({
    exit: 0,
    out: "notes:v1 has a new process (0.4 s)\nnotes:v2 is not running any more; it gets a new process at its next start\n",
    err: "",
  });
  expect(world.deploys.orders).toEqual(["rollout notes 2"]);
});

test("a failed rollout prints the reason, the remedy and the remaining instances, and ends with 1", async () => {
  const error = new TenError("START_FAILED", 'Cannot replace "notes:v1": no', { hint: "Say yes" });
  world.logs.write(lineOf("notes:v1", "no such table"));
  world.deploys.outcome = {
    replaced: [],
    skipped: [],
    failed: [{ ref: V1, error }],
    remaining: [V2],
  };
  expect(await ten("rollout", "notes")).toMatchObject({
    exit: 1,
    err:
      'error: Cannot replace "notes:v1": no\n  no such table\nhint: Say yes\n' +
      'error: Cannot roll out "notes": 2 of its instances have no new process: notes:v1, notes:v2\n' +
      "hint: Correct the cause, then run ten rollout notes again\n",
  });
});

test("a rollout whose server goes away says that it can be repeated", async () => {
  const begun = Promise.withResolvers<void>();
  world.deploys.rollout = (_, { onProgress }) => {
    onProgress?.({ kind: "begun", total: 2, health: "/health" });
    begun.resolve();
    return new Promise(() => undefined);
  };
  const told = ten("rollout", "notes");
  await begun.promise;
  await world.server.close();
  expect(await told).toMatchObject({
    exit: 4,
    err: expect.stringContaining("Run ten rollout notes again"),
  });
});
