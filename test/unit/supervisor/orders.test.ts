import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fakeUsers } from "../../support/fake-users.ts";
import { until } from "../../support/until.ts";
import { ALICE, awake, childOf, PATIENCE, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();

test("stop resolves when the process has ended, and only an operator starts the instance again", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  const child = world.spawned[0];
  if (child !== undefined) child.obedient = false;
  const stopped = world.operator.stop(ALICE);
  await world.clock.advance(10_000);
  expect((await stopped).state).toBe("stopped");
  expect(child?.signals).toEqual(["SIGTERM", "SIGKILL"]);
  await expect(world.supervisor.wake(ALICE, PATIENCE)).rejects.toMatchObject({
    code: "INSTANCE_UNAVAILABLE",
  });
  const started = world.operator.start(ALICE);
  await world.ready();
  expect((await started).state).toBe("running");
});

test("a disabled instance does not start until it is enabled", async () => {
  const world = openWorld();
  world.register("alice");
  await world.operator.disable(ALICE);
  await expect(world.operator.start(ALICE)).rejects.toMatchObject({ code: "CONFLICT" });
  expect((await world.operator.enable(ALICE)).state).toBe("asleep");
});

test("an instance that drains to be disabled is not restarted nor put to sleep, and can be enabled", async () => {
  const world = openWorld();
  world.register("alice");
  const lease = await awake(world);
  const disabled = world.operator.disable(ALICE);
  for (const order of ["restart", "sleep", "start"] as const) {
    const refused = async () => await world.operator[order](ALICE);
    await expect(refused()).rejects.toMatchObject({ code: "CONFLICT" });
  }
  await world.operator.enable(ALICE);
  lease.release();
  expect((await disabled).state).toBe("asleep");
});

test("a restart while an instance drains to be removed is refused, and the instance is removed", async () => {
  const world = openWorld();
  world.register("alice");
  const lease = await awake(world);
  const removed = world.operator.remove(ALICE, { purge: false });
  await expect(world.operator.restart(ALICE)).rejects.toMatchObject({ code: "CONFLICT" });
  lease.release();
  await removed;
  expect(childOf(world).isLiving).toBe(false);
  expect(world.operator.list()).toEqual([]);
});

test("an instance that is enabled and runs again is not removed", async () => {
  const world = openWorld({ services: [{ idleTimeoutMs: 0 }] });
  world.register("alice");
  const lease = await awake(world);
  const removed = world.operator.remove(ALICE, { purge: true });
  const outcome = removed.catch(({ code }: { code: string }) => code);
  const enabled = world.operator.enable(ALICE);
  lease.release();
  await world.clock.advance(1000);
  await enabled;
  expect(await outcome).toBe("CONFLICT");
  expect(world.operator.view(ALICE).state).toBe("running");
  expect(childOf(world, 1).isLiving).toBe(true);
});

test("an instance that is removed twice at the same time is removed once", async () => {
  const world = openWorld();
  world.register("alice");
  const lease = await awake(world);
  const removals = [true, false].map((purge) => world.operator.remove(ALICE, { purge }));
  lease.release();
  await Promise.all(removals);
  expect(world.operator.list()).toEqual([]);
});

test("remove deletes the data directory only with purge", async () => {
  const world = openWorld();
  for (const [id, purge] of [
    ["alice", true],
    ["bob", false],
  ] as const) {
    world.register(id);
    (await awake(world, id)).release();
    await world.operator.remove({ service: "notes", id }, { purge });
    expect(existsSync(`${world.dataDir}/notes/${id}`)).toBe(!purge);
  }
  expect(world.operator.list()).toEqual([]);
  expect(world.store.instances.list()).toEqual([]);
});

describe("remove on a full disk", () => {
  const full = () => {
    throw new Error("database or disk is full");
  };

  test("changes neither the row nor the hostnames when one of them can't be deleted", async () => {
    const world = openWorld();
    world.register("alice");
    world.supervisor.domains.add("alice.example", ALICE);
    world.store.instances.delete = full;
    await expect(world.operator.remove(ALICE, { purge: false })).rejects.toMatchObject({
      code: "STORAGE_FAILED",
    });
    expect(world.supervisor.domains.find("alice.example")).toEqual(ALICE);
    expect(world.store.domains.list()).toHaveLength(1);
    Reflect.deleteProperty(world.store.instances, "delete");
    await world.operator.remove(ALICE, { purge: false });
    expect(world.store.domains.list()).toEqual([]);
  });

  test("reports a user id that can't be given up, and can be repeated", async () => {
    const world = openWorld();
    world.register("alice");
    world.store.userIds.release = full;
    await expect(world.operator.remove(ALICE, { purge: true })).rejects.toMatchObject({
      code: "STORAGE_FAILED",
    });
    Reflect.deleteProperty(world.store.userIds, "release");
    await world.operator.remove(ALICE, { purge: true });
    expect(world.operator.list()).toEqual([]);
  });
});

describe("remove with purge", () => {
  const held = () => {
    const world = openWorld();
    world.register("alice");
    const deletion = Promise.withResolvers<void>();
    world.deleting.held = deletion.promise;
    /** Begins the removal; resolves once files are being deleted. */
    const begin = async () => {
      const removed = world.operator.remove(ALICE, { purge: true });
      await until("files are being deleted", () => world.deleting.begun === 1);
      return { removed };
    };
    return { world, deletion, begin };
  };

  test("keeps the instance registered, and disabled, until its files are deleted", async () => {
    const { world, deletion, begin } = held();
    const { removed } = await begin();
    expect(world.operator.view(ALICE).state).toBe("disabled");
    await expect(world.operator.enable(ALICE)).rejects.toThrow("its files are being deleted");
    await expect(world.operator.stop(ALICE)).rejects.toMatchObject({ code: "CONFLICT" });
    const again = world.operator.remove(ALICE, { purge: true });
    deletion.resolve();
    await Promise.all([removed, again]);
    expect(world.operator.list()).toEqual([]);
    expect(world.store.instances.list()).toEqual([]);
  });

  test("that fails reports what is left, keeps the instance and its user id, and can be repeated", async () => {
    const { world, deletion, begin } = held();
    const uid = world.store.userIds.take(ALICE, fakeUsers());
    const { removed } = await begin();
    deletion.reject(new Error("1 left, such as /data/notes/alice/f: Operation not permitted"));
    await expect(removed).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      message: expect.stringContaining("/data/notes/alice/f: Operation not permitted"),
    });
    expect(world.operator.view(ALICE).state).toBe("disabled");
    expect(world.store.userIds.find(ALICE)).toBe(uid);
    world.deleting.held = Promise.resolve();
    await world.operator.remove(ALICE, { purge: true });
    expect(world.store.userIds.find(ALICE)).toBeNull();
  });

  test("of others does not wait for it", async () => {
    const { world, deletion, begin } = held();
    const { removed } = await begin();
    world.deleting.held = Promise.resolve();
    const { ref } = world.register("bob");
    await world.operator.remove(ref, { purge: true });
    expect(world.operator.list().map(({ ref: { id } }) => id)).toEqual(["alice"]);
    deletion.resolve();
    await removed;
  });
});

test("a changed environment is stored and takes effect at the next start", async () => {
  const world = openWorld();
  world.register("alice");
  world.operator.setEnvironment(ALICE, { KEY: "1", OTHER: "2" });
  world.operator.setEnvironment(ALICE, { OTHER: null });
  (await awake(world)).release();
  expect(world.spawned[0]?.env).toMatchObject({ KEY: "1", TENEMENT_INSTANCE: "alice" });
  expect(world.spawned[0]?.env).not.toHaveProperty("OTHER");
});

test("close() also stops an instance that an order starts meanwhile", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  const [alice] = world.spawned;
  if (alice !== undefined) alice.obedient = false;
  const closed = world.supervisor.close();
  world.register("bob");
  const started = world.operator.start({ service: "notes", id: "bob" });
  await world.ready();
  await started;
  await world.clock.advance(10_000);
  await closed;
  expect(world.operator.list().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
});

test("a full disk fails the order that needs it, and no instance", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  (await awake(world)).release();
  const full = () => {
    throw new Error("database or disk is full");
  };
  world.store.instances.setWanted = full;
  world.store.instances.setWeight = full;
  expect(() => world.operator.setWeight(ALICE, 1)).toThrow("Cannot store the change");
  expect((await world.operator.stop(ALICE)).state).toBe("stopped");
  expect(world.reports).toHaveLength(1);
  expect(alice.instance.state.kind).toBe("stopped");
});

describe("an order that could not be stored on a full disk", () => {
  const stopped = async () => {
    const world = openWorld();
    const alice = world.register("alice");
    (await awake(world)).release();
    const { instances } = world.store;
    instances.setWanted = () => {
      throw new Error("database or disk is full");
    };
    const { warnings } = await world.operator.stop(ALICE);
    expect(warnings).toEqual([
      "its state is lost when the server restarts: database or disk is full",
    ]);
    Reflect.deleteProperty(instances, "setWanted");
    return { world, alice, wanted: () => instances.list()[0]?.wanted };
  };

  test("is stored at the next change, and its warning ends", async () => {
    const { world, wanted } = await stopped();
    expect((await world.operator.stop(ALICE)).warnings).toEqual([]);
    expect(wanted()).toBe("stopped");
  });

  test("is stored when the server stops, and when it hands the instance over", async () => {
    const { world, wanted } = await stopped();
    await world.supervisor.close();
    expect(wanted()).toBe("stopped");
    const handing = await stopped();
    handing.world.supervisor.abandon(() => undefined);
    expect(handing.wanted()).toBe("stopped");
  });
});
