import { describe, expect, test } from "bun:test";
import { parseHost } from "../../../src/core/hostname.ts";

describe("a host name", () => {
  test.each([
    ["alice.org", "alice.org"],
    ["Alice.ORG", "alice.org"],
    ["alice.org.", "alice.org"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["例え。テスト", "xn--r8jz45g.xn--zckzah"],
    ["my_host.intern", "my_host.intern"],
    ["intranet", "intranet"],
  ])("%s is %s", (text, host) => {
    expect(parseHost(text)).toBe(host);
  });

  test.each([
    "",
    ".",
    "a..b",
    ".alice.org",
    "-alice.org",
    "alice-.org",
    "alice.org:8080",
    "http://alice.org",
    "alice.org/path",
    "bob@alice.org",
    "*.alice.org",
    "a b.org",
    "a\nb.org",
    "a%41.org",
    "xn--.org",
    `${"a".repeat(64)}.org`,
    `${"a.".repeat(126)}org`,
  ])("is not %j", (text) => {
    expect(() => parseHost(text)).toThrow(`Cannot use "${text}" as a host: it is not a host name`);
  });

  test.each(["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "１.2.3.4"])(
    "is not the address %s",
    (text) => {
      expect(() => parseHost(text)).toThrow(`Cannot use "${text}" as a host: it is an address`);
    },
  );
});
