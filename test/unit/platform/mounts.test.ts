import { expect, test } from "bun:test";
import { backingFileOf, listMounts, parseMounts } from "../../../src/platform/mounts.ts";

const TEXT = [
  "23 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
  "40 23 0:5 / /dev/shm rw,nosuid shared:3 master:1 - tmpfs tmpfs rw",
  "41 23 7:3 / /srv/with\\040space\\134x rw,nosuid,nodev - ext4 /dev/loop3 rw",
  "",
].join("\n");

test("mounts are read with their places, whatever is between the fields", () => {
  expect(parseMounts(TEXT)).toEqual([
    { path: "/", source: "/dev/vda", type: "ext4", options: ["rw", "relatime"] },
    { path: "/dev/shm", source: "tmpfs", type: "tmpfs", options: ["rw", "nosuid"] },
    {
      path: "/srv/with space\\x",
      source: "/dev/loop3",
      type: "ext4",
      options: ["rw", "nosuid", "nodev"],
    },
  ]);
});

test.skipIf(process.platform !== "linux")("this system has a root", () => {
  expect(listMounts().map(({ path }) => path)).toContain("/");
});

test.each(["/dev/vda", "tmpfs", "/dev/loop9999", "/dev/loop1/../sda"])(
  "%s has no file behind it",
  (device) => {
    expect(backingFileOf(device)).toBeNull();
  },
);
