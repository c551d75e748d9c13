import { expect, test } from "bun:test";
import { examinePortRange } from "../../../src/doctor/port-range.ts";
import { FakeHost } from "./fake-host.ts";

const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports";

function examine(range: string, reserved = "") {
  return examinePortRange(new FakeHost({ [RANGE]: range, [RESERVED]: reserved }))[0];
}

test.each([
  ["40001\t60999", ""],
  ["10000\t29999", ""],
  ["32768\t60999", "30000-40000"],
  ["32768\t60999", "8080,32768-40000"],
  ["32768\t60999", "1-65535"],
])("is ok when outgoing connections use %p except %p", (range, reserved) => {
  expect(examine(range, reserved)).toMatchObject({ state: "ok", found: "30000 to 40000" });
});

test.each([
  ["32768\t60999", "", "30000-40000"],
  ["10000\t30000", "", "30000-40000"],
  ["32768\t60999", "8080,33000-34000", "8080,33000-34000,30000-40000"],
])("warns when outgoing connections use %p except %p", (range, reserved, wanted) => {
  expect(examine(range, reserved)).toMatchObject({
    state: "warning",
    remedy: `sysctl -w net.ipv4.ip_local_reserved_ports=${wanted}`,
  });
});

test("reports nothing where the range can't be read", () => {
  expect(examinePortRange(new FakeHost({}))).toEqual([]);
});
