import { expect, test } from "bun:test";
import { examineWalls } from "../../../src/doctor/walls.ts";
import { FakeHost } from "./fake-host.ts";

test("reports walls that work, as root or as an ordinary user", () => {
  const stands = () => ({ gap: null });
  const asRoot = examineWalls(new FakeHost({}), stands);
  expect(asRoot.map(({ state }) => state)).toEqual(["ok", "ok"]);
  expect(asRoot[1]?.found).toContain("a user of its own");
  const [, rootless] = examineWalls(new FakeHost({}, { isRoot: false }), stands);
  expect(rootless?.found).toContain("ordinary user");
});

test("walls that can't be built block their needs, and every remedy is listed", () => {
  const remedy = "run ten as root\nsysctl -w kernel.unprivileged_userns_clone=1";
  const fails = () => ({ gap: { reason: "make namespaces: not permitted", remedy } });
  const [launcher, walls] = examineWalls(new FakeHost({}, { isRoot: false }), fails);
  expect(launcher?.state).toBe("ok");
  expect(walls).toMatchObject({
    state: "missing",
    found: "make namespaces: not permitted",
    remedy,
  });
  expect(walls?.blocks).toContain("isolation=namespace");
});

test("reports a build without the launcher", () => {
  expect(examineWalls(new FakeHost({}), () => null)).toMatchObject([
    { id: "namespace.launcher", state: "missing" },
  ]);
});

test("reports nothing on other systems", () => {
  expect(examineWalls(new FakeHost({}, { platform: "darwin" }))).toEqual([]);
});
