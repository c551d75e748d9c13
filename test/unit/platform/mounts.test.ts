import { expect, test } from "bun:test";
import { backingFileOf, listMounts, parseMounts } from "../../../src/platform/mounts.ts";

const TEXT = [
  "23 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
  "40 23 0:5 / /dev/shm rw,nosuid shared:3 master:1 - tmpfs tmpfs rw,size=64m",
  "41 23 7:3 /sub\\040directory /srv/with\\040space\\134x rw,nosuid,nodev - ext4 /dev/loop3 rw",
  "",
].join("\n");

test("mounts are parsed with unescaped paths, whatever optional fields there are", () => {
  expect(parseMounts(TEXT)).toEqual([
    {
      path: "/",
      root: "/",
      source: "/dev/vda",
      type: "ext4",
      options: ["rw", "relatime"],
      superOptions: ["rw"],
    },
    {
      path: "/dev/shm",
      root: "/",
      source: "tmpfs",
      type: "tmpfs",
      options: ["rw", "nosuid"],
      superOptions: ["rw", "size=64m"],
    },
    {
      path: "/srv/with space\\x",
      root: "/sub directory",
      source: "/dev/loop3",
      type: "ext4",
      options: ["rw", "nosuid", "nodev"],
      superOptions: ["rw"],
    },
  ]);
});

test.skipIf(process.platform !== "linux")("this system has a root", () => {
  expect(listMounts().map(({ path }) => path)).toContain("/");
});

test.each(["/dev/vda", "tmpfs", "/dev/loop9999", "/dev/loop1/../sda"])(
  "%s has no backing file",
  (device) => {
    expect(backingFileOf(device)).toBeNull();
  },
);
