import { expect, test } from "bun:test";
import { isWalledUser, USER_ID_RANGES } from "../../../src/core/user-id-ranges.ts";
import { findRange, hostUsers } from "../../../src/platform/host-users.ts";

const [WIDE, NARROW] = USER_ID_RANGES;

test.each([
  ["         0          0 4294967295\n", WIDE],
  ["0 1000 1\n1 100000 200000\n", WIDE],
  ["0 100000 65536\n", NARROW],
  ["0 100000 70000\n", NARROW],
  ["", NARROW],
])("the ids of new instances are those that the user namespace has: %j", (map, range) => {
  expect(findRange(map)).toBe(range);
});

test.skipIf(process.platform !== "linux")("a user with an account or a process is in use", () => {
  expect(hostUsers.isInUse(0)).toBe(true);
  expect(hostUsers.isInUse(process.getuid?.() ?? 0)).toBe(true);
  // "nobody" has an account, and seldom a process.
  expect(hostUsers.isInUse(65_534)).toBe(true);
  expect(hostUsers.isInUse(3_999_999_999)).toBe(false);
});

test.skipIf(process.getuid?.() !== 0)(
  "a user with a process and no account is in use",
  async () => {
    const id = 3_999_999_998;
    const child = Bun.spawn(["setpriv", "--reuid", String(id), "--clear-groups", "sleep", "1000"]);
    while (!hostUsers.isInUse(id)) {
      if (child.exitCode !== null) throw new Error("it has ended");
      await Bun.sleep(5);
    }
    child.kill();
    await child.exited;
    expect(hostUsers.isInUse(id)).toBe(false);
  },
);

test("ids of both ranges are those of walled instances, others are not", () => {
  expect([61_184, 65_519, 65_536, 99_999].map(isWalledUser)).toEqual([true, true, true, true]);
  expect([1000, 61_183, 65_534, 65_535, 100_000].some(isWalledUser)).toBe(false);
});
