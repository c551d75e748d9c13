import { expect, test } from "bun:test";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test.each([
  ["start", "notes:alice is running at http://alice.notes.localhost:8080 (127.0.0.1:30001)\n"],
  ["stop", "notes:alice is stopped\n"],
  ["sleep", "notes:alice is asleep\n"],
  ["restart", "notes:alice is running at http://alice.notes.localhost:8080 (127.0.0.1:30001)\n"],
  ["disable", "notes:alice is disabled\n"],
  ["enable", "notes:alice is asleep\n"],
])("%s prints the new state", async (order, out) => {
  expect(await ten(order, "notes:alice")).toEqual({ exit: 0, out, err: "" });
  expect(api.world.administration.orders).toEqual([`${order} notes:alice`]);
});

test("an order prints the warnings about the instance below its state", async () => {
  api.world.administration.addRunning("notes:alice", { warnings: ["its disk is full"] });
  const { out } = await ten("restart", "notes:alice");
  expect(out.split("\n").slice(1)).toEqual(["warning: its disk is full", ""]);
});

test("valid ones of several are performed; the exit code is that of the first failure", async () => {
  const { exit, out, err } = await ten("stop", "notes:zed", "notes:alice", "notes:yan");
  expect(exit).toBe(3);
  expect(out).toBe("notes:alice is stopped\n");
  expect(err.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
    'error: Cannot find "notes:zed": it is not registered',
    'error: Cannot find "notes:yan": it is not registered',
  ]);
});

test("more than run at a time are all performed", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `notes:n${index}`);
  for (const name of names) api.world.administration.add(name);
  const { out } = await ten("start", ...names);
  expect(out.split("\n").map((line) => line.split(" ")[0])).toEqual([...names, ""]);
});

test("rm keeps the data, rm --purge does not", async () => {
  expect((await ten("rm", "notes:alice")).out).toBe("notes:alice is removed; its data is kept\n");
  expect((await ten("rm", "--purge", "notes:bob")).out).toBe(
    "notes:bob is removed with all its data\n",
  );
  expect(api.world.administration.orders).toEqual(["remove notes:alice", "purge notes:bob"]);
});

test("weight and health", async () => {
  expect((await ten("weight", "notes:alice", "7")).out).toBe("notes:alice has weight 7\n");
  expect((await ten("health", "notes:alice")).out).toBe("notes:alice: healthy\n");
  expect(JSON.parse((await ten("health", "notes:bob", "--json")).out)).toEqual({
    instance: "notes:bob",
    health: "asleep",
  });
  expect((await ten("health", "notes:zed")).exit).toBe(3);
});
