import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type FakeWorld, openFakeWorld } from "../../support/fake-world.ts";

const ALICE = { service: "notes", id: "alice" };
const BOB = { service: "notes", id: "bob" };

let world: FakeWorld;

beforeEach(() => {
  world = openFakeWorld({ services: [{}, { name: "shop", autoCreate: true }] });
  world.register("alice");
  world.register("bob");
});

afterEach(() => world.dispose());

const targetOf = (hostname: string) => world.supervisor.decide({ hostname, path: "/" });

describe("a custom hostname", () => {
  test("leads to an instance or a service", () => {
    world.supervisor.domains.add("Alice.org", ALICE);
    world.supervisor.domains.add("notes.org", { service: "notes", id: null });
    expect(targetOf("alice.org")).toEqual({ kind: "instance", ref: ALICE });
    expect(targetOf("notes.org")).toEqual({ kind: "service", service: "notes" });
    expect(targetOf("bob.org")).toEqual({ kind: "control" });
  });

  test("is known to the next server", () => {
    world.supervisor.domains.add("alice.org", ALICE);
    const next = openFakeWorld({ dataDir: world.dataDir });
    expect(next.supervisor.domains.list(null)).toEqual([{ hostname: "alice.org", target: ALICE }]);
    next.store[Symbol.dispose]();
  });

  test("can be added again to its target, but not to another one", () => {
    const { domains } = world.supervisor;
    domains.add("alice.org", ALICE);
    domains.add("alice.org", ALICE);
    expect(() => domains.add("ALICE.org.", BOB)).toThrow(
      'Cannot add "alice.org": it leads to notes:alice',
    );
    expect(domains.list(null)).toHaveLength(1);
  });

  test.each([
    ["bob.notes.localhost", "it belongs to notes:bob"],
    ["carol.notes.localhost", "it belongs to notes:carol"],
    ["notes.localhost", "it belongs to notes"],
    ["localhost", "it is the server's own"],
  ])("can't be %s: %s", (host, reason) => {
    expect(() => world.supervisor.domains.add(host, ALICE)).toThrow(
      `Cannot add "${host}": ${reason}`,
    );
  });

  test("can lie under the server's domain if it belongs to its target, or to none", () => {
    world.supervisor.domains.add("www.localhost", ALICE);
    world.supervisor.domains.add("alice.notes.localhost", ALICE);
    expect(targetOf("www.localhost")).toEqual({ kind: "instance", ref: ALICE });
  });

  test("needs a target that exists, or that a request may create", () => {
    const { domains } = world.supervisor;
    expect(() => domains.add("x.org", { service: "notes", id: "carol" })).toThrow("not registered");
    expect(() => domains.add("x.org", { service: "nots", id: null })).toThrow("service");
    domains.add("x.org", { service: "shop", id: "new" });
    expect(targetOf("x.org").kind).toBe("instance");
  });

  test("is removed from its own target only", () => {
    const { domains } = world.supervisor;
    domains.add("alice.org", ALICE);
    expect(() => domains.remove("alice.org", BOB)).toThrow("it leads to notes:alice");
    expect(() => domains.remove("bob.org", BOB)).toThrow("it was not added");
    domains.remove("ALICE.org", ALICE);
    expect(targetOf("alice.org")).toEqual({ kind: "control" });
    expect(world.store.domains.list()).toEqual([]);
  });

  test("is removed with its instance", async () => {
    const { domains } = world.supervisor;
    domains.add("alice.org", ALICE);
    domains.add("bob.org", BOB);
    domains.add("notes.org", { service: "notes", id: null });
    await world.operator.remove(ALICE, { purge: false });
    expect(domains.list(null).map(({ hostname }) => hostname)).toEqual(["bob.org", "notes.org"]);
    expect(world.store.domains.list().map(({ hostname }) => hostname)).toEqual([
      "bob.org",
      "notes.org",
    ]);
  });
});
