import { expect, test } from "bun:test";
import { elementsOf, renderTable } from "../../../../src/isolation/firewall/rules.ts";

const walled = { port: 30_001, owner: 61_184, allowMetadata: false };

test("a launch with a user of its own owns its port, and can't reach the cloud's credentials", () => {
  expect(elementsOf(walled)).toEqual([
    { set: "ports", port: 30_001, user: null },
    { set: "owners", port: 30_001, user: 61_184 },
    { set: "users", port: null, user: 61_184 },
    { set: "no_metadata", port: null, user: 61_184 },
  ]);
});

test("a launch with allow_metadata can reach the cloud's credentials", () => {
  const sets = elementsOf({ ...walled, allowMetadata: true }).map(({ set }) => set);
  expect(sets).toEqual(["ports", "owners", "users"]);
});

test("the port of a launch without a user of its own belongs to no walled tenant", () => {
  expect(elementsOf({ ...walled, owner: null })).toEqual([
    { set: "ports", port: 30_001, user: null },
  ]);
});

test("the table holds all claims, and a user with two launches once", () => {
  const claims = [walled, { ...walled, port: 30_002 }];
  const text = renderTable({ name: "tenement_x", comment: "/srv/data", claims });
  expect(text).toContain("elements = { 30001, 30002 };");
  expect(text).toContain("elements = { 30001 . 61184, 30002 . 61184 };");
  expect(text).toContain("elements = { 61184 };");
});

test("a data directory's name can't become a rule", () => {
  const text = renderTable({ name: "t", comment: '/srv/"; } flush ruleset\n', claims: [] });
  expect(text).toContain('comment "/srv/__ _ flush ruleset_"');
});
