import { expect, test } from "bun:test";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("audit lists changes, newest first", async () => {
  await ten("stop", "notes:alice");
  await ten("start", "notes:alice");
  const [head, first, second] = (await ten("audit")).out.split("\n");
  expect(head).toMatch(/^WHEN +WHO +ACTION +SUBJECT +OUTCOME$/);
  expect(first).toMatch(/Z +socket +start +notes:alice +done$/);
  expect(second).toMatch(/Z +socket +stop +notes:alice +done$/);
});

test("audit shows how often a row of refusals happened", async () => {
  const token = api.world.token("bob");
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await api.world.askOutside("/api/instances/notes:alice/stop", { method: "POST", token });
  }
  const [, row] = (await ten("audit")).out.split("\n");
  expect(row).toMatch(/Z +token 1 +stop +notes:alice +FORBIDDEN \(2 times\)$/);
});
