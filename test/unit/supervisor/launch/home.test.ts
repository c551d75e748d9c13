import { expect, test } from "bun:test";
import { USER_ID_MIN } from "../../../../src/core/walls.ts";
import { useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

test("the user id of an instance is given to another only when its data are purged", async () => {
  const world = openWorld();
  const [a, b] = [world.register("a").ref, world.register("b").ref];
  expect(world.store.userIds.take(a)).toBe(USER_ID_MIN);
  expect(world.store.userIds.take(b)).toBe(USER_ID_MIN + 1);
  await world.operator.remove(a, { purge: false });
  expect(world.store.userIds.take({ service: "notes", id: "c" })).toBe(USER_ID_MIN + 2);
  await world.operator.remove(b, { purge: true });
  expect(world.store.userIds.take({ service: "notes", id: "d" })).toBe(USER_ID_MIN + 1);
});
