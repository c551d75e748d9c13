// The framing of netlink messages, byte by byte, and an exchange with the kernel.
import { expect, test } from "bun:test";
import {
  NetlinkSocket,
  NLM_F_ACK,
  parseMessages,
  renderAttribute,
  renderMessage,
  renderNested,
} from "../../../../src/platform/kernel/netlink.ts";

const NETLINK_ROUTE = 0;
const isLinux = process.platform === "linux";

test("a message has its length, type, flags and sequence number before its body", () => {
  const body = Buffer.from([9, 8]);
  const message = renderMessage({ type: 20, flags: NLM_F_ACK, sequence: 7, body });
  expect([...message]).toEqual([18, 0, 0, 0, 20, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 8]);
});

test("an attribute is padded to four bytes, which its length leaves out", () => {
  expect([...renderAttribute(1, Buffer.from("abc\0d"))]).toEqual([
    9,
    0,
    1,
    0,
    ...Buffer.from("abc\0d"),
    0,
    0,
    0,
  ]);
});

test("an attribute that holds others is marked as nested", () => {
  expect([...renderNested(3, renderAttribute(1, Buffer.from("ab")))]).toEqual([
    12,
    0,
    3,
    0x80,
    6,
    0,
    1,
    0,
    ...Buffer.from("ab"),
    0,
    0,
  ]);
});

test("a datagram is parsed into its messages, each at a multiple of four bytes", () => {
  const first = renderMessage({ type: 20, flags: 0, body: Buffer.from("abcde") });
  const second = renderMessage({ type: 3, flags: 0, body: Buffer.from("xy") });
  const found = parseMessages(Buffer.concat([first, Buffer.alloc(3), second]));
  expect(found.map(({ body, type }) => [type, body.toString()])).toEqual([
    [20, "abcde"],
    [3, "xy"],
  ]);
});

test("a message with an impossible length is parsed as one without a body", () => {
  expect(parseMessages(Buffer.alloc(32))).toHaveLength(2);
});

test.skipIf(!isLinux)("the kernel answers a batch with the errors in it", () => {
  using socket = NetlinkSocket.open(NETLINK_ROUTE);
  const unknown = renderMessage({ type: 0xfff0, flags: NLM_F_ACK, body: Buffer.alloc(4) });
  const [error, ...others] = socket?.commit(unknown) ?? [];
  expect(error).toBeGreaterThan(0);
  expect(others).toEqual([]);
});

test.skipIf(!isLinux)("a refused dump is null", () => {
  using socket = NetlinkSocket.open(NETLINK_ROUTE);
  const unknown = renderMessage({ type: 0xfff0, flags: 0, body: Buffer.alloc(4) });
  expect(socket?.dump(unknown)).toBeNull();
});
