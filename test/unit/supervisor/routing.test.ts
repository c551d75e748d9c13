import { expect, test } from "bun:test";
import { awake, PATIENCE, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();

test("pick() leaves out stopped instances and those passed over, but not sleeping ones", () => {
  const world = openWorld();
  const [a] = ["a", "b"].map((id) => world.register(id));
  a?.send({ kind: "rest", to: "stopped" });
  expect(world.supervisor.pick("notes", new Set())).toEqual({ service: "notes", id: "b" });
  expect(world.supervisor.pick("notes", new Set(["notes:b"]))).toBeNull();
});

test("an instance with weight 0 takes no service-level traffic", () => {
  const world = openWorld();
  world.register("a");
  world.operator.setWeight({ service: "notes", id: "a" }, 0);
  expect(world.supervisor.pick("notes", new Set())).toBeNull();
});

test("a request creates an unknown instance up to max_instances, if its service allows it", async () => {
  const world = openWorld({ services: [{ autoCreate: true, maxInstances: 1 }, { name: "api" }] });
  const { supervisor } = world;
  expect(supervisor.decide({ hostname: "x.api.localhost", path: "/" })).toEqual({
    kind: "unknown",
  });
  expect(supervisor.decide({ hostname: "x.notes.localhost", path: "/" }).kind).toBe("instance");
  (await awake(world, "x")).release();
  expect(() => supervisor.wake({ service: "notes", id: "y" }, PATIENCE)).toThrow("full");
  expect(supervisor.decide({ hostname: "-.notes.localhost", path: "/" }).kind).toBe("unknown");
});

test("requests for instances that are not created leave no counts of their own", async () => {
  const world = openWorld({ services: [{ autoCreate: true, maxInstances: 1 }] });
  const { supervisor } = world;
  const { statistics } = supervisor.world;
  const answer = (id: string, status: number) =>
    statistics.recordRequest({ service: "notes", id }, { status, durationMs: 1 });
  (await awake(world, "x")).release();
  answer("x", 200);
  for (const id of ["y", "z"]) {
    expect(() => supervisor.wake({ service: "notes", id }, PATIENCE)).toThrow("full");
    answer(id, 503);
  }
  expect([...statistics.traffic.keys()]).toEqual(["notes:x"]);
  expect(statistics.unrouted).toBe(2);
  await world.operator.remove({ service: "notes", id: "x" }, { purge: false });
  answer("x", 200);
  expect(statistics.traffic.size).toBe(0);
});
