import { expect, test } from "bun:test";
import { activatedDescriptors } from "../../../src/platform/systemd.ts";

test("activated descriptors begin at three", () => {
  expect(activatedDescriptors({ LISTEN_PID: "7", LISTEN_FDS: "2" }, 7)).toEqual([3, 4]);
});

test.each([
  {},
  { LISTEN_FDS: "1" },
  { LISTEN_PID: "8", LISTEN_FDS: "1" },
  { LISTEN_PID: "7" },
  { LISTEN_PID: "7", LISTEN_FDS: "0" },
  { LISTEN_PID: "7", LISTEN_FDS: "-1" },
  { LISTEN_PID: "7", LISTEN_FDS: "x" },
])("process 7 has no activated descriptors with %j", (env) => {
  expect(activatedDescriptors(env, 7)).toBeNull();
});
