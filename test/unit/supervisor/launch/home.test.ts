import { expect, test } from "bun:test";
import { fakeUsers } from "../../../support/fake-users.ts";
import { useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

test("the user id of an instance is given to another only when its data are purged", async () => {
  const world = openWorld();
  const users = fakeUsers({ count: 3 });
  const [a, b] = [world.register("a").ref, world.register("b").ref];
  const take = (id: string) => world.store.userIds.take({ service: "notes", id }, users);
  const [first, second] = [take("a"), take("b")];
  await world.operator.remove(a, { purge: false });
  expect([first, second]).not.toContain(take("c"));
  expect(() => take("d")).toThrow("taken");
  await world.operator.remove(b, { purge: true });
  expect(take("d")).toBe(second);
});
