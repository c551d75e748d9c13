import { expect, test } from "bun:test";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("env sets, unsets and lists, and says when the change is applied", async () => {
  const { out } = await ten("env", "set", "notes:alice", "COLOR=red", "API_KEY=s3cret");
  expect(out).toContain("applied at the next start of notes:alice");
  expect((await ten("env", "ls", "notes:alice")).out).toBe("COLOR=red\nAPI_KEY=********\n");
  await ten("env", "unset", "notes:alice", "COLOR");
  expect(api.world.administration.env.get("notes:alice")).toEqual({ API_KEY: "s3cret" });
});
