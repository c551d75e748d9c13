import { expect, test } from "bun:test";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("prints the address of each, in the order of the operands", async () => {
  expect(await ten("spawn", "notes:carol", "notes:dan", "--weight", "3", "-e", "A=1")).toEqual({
    exit: 0,
    out:
      "notes:carol is ready at http://carol.notes.localhost:8080 (127.0.0.1:30001)\n" +
      "notes:dan is ready at http://dan.notes.localhost:8080 (127.0.0.1:30001)\n",
    err: "",
  });
  expect(api.world.administration.views.get("notes:dan")?.weight).toBe(3);
  expect(api.world.administration.env.get("notes:carol")).toEqual({ A: "1" });
});

test("--no-start only registers", async () => {
  const { out } = await ten("spawn", "notes:carol", "--no-start");
  expect(out).toContain("notes:carol is registered and asleep");
  expect(api.world.administration.orders).toEqual(["register notes:carol"]);
});

test("an invalid name prevents all", async () => {
  expect((await ten("spawn", "notes:carol", "notes")).exit).toBe(2);
  expect(api.world.administration.orders).toEqual([]);
});

test("--json and --quiet", async () => {
  const { out } = await ten("--json", "spawn", "notes:carol");
  expect(JSON.parse(out)).toMatchObject({ instance: "notes:carol", port: 30_001 });
  expect((await ten("spawn", "notes:carol", "--quiet")).out).toBe("");
});
