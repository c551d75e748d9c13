import { expect, test } from "bun:test";
import { bytesOf, groupsOf } from "../../../src/core/ip-address.ts";

test.each([
  ["::1", "0:0:0:0:0:0:0:1"],
  ["2001:db8::ff:1", "2001:db8:0:0:0:0:ff:1"],
  ["fe80::", "fe80:0:0:0:0:0:0:0"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
])("groupsOf(%p) is %s", (address, groups) => {
  expect(groupsOf(address).join(":")).toBe(groups);
});

test("bytesOf() reads both families", () => {
  expect(bytesOf("127.0.255.1")).toEqual([127, 0, 255, 1]);
  expect(bytesOf("2001:db8::1")).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});
