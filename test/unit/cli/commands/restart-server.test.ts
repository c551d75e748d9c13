import { expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("prints the new and the old server", async () => {
  expect(await ten("restart-server")).toEqual({
    exit: 0,
    out: "ten 1.2.4 serves, pid 2; it replaces ten 1.2.3, pid 1\n",
    err: "",
  });
  expect(JSON.parse((await ten("restart-server", "--json")).out)).toEqual({
    old: { version: "1.2.3", pid: 1 },
    new: { version: "1.2.4", pid: 2 },
  });
});

test("ends with 1 and the reason when the new server can't start", async () => {
  api.world.restart = async () => {
    throw new TenError("FAILED", "Cannot start the new server: it ended with 7");
  };
  expect(await ten("restart-server")).toEqual({
    exit: 1,
    out: "",
    err: "error: Cannot start the new server: it ended with 7\n",
  });
});
