import { describe, expect, test } from "bun:test";
import { parseHostname } from "../../../src/core/hostname.ts";

describe("parseHostname()", () => {
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
  ])("normalizes %s to %s", (text, hostname) => {
    expect(parseHostname(text)).toBe(hostname);
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
  ])("refuses %j", (text) => {
    expect(() => parseHostname(text)).toThrow(
      `Cannot use "${text}" as a hostname: it is not a valid hostname`,
    );
  });

  test.each(["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "１.2.3.4"])(
    "refuses the address %s",
    (text) => {
      expect(() => parseHostname(text)).toThrow(
        `Cannot use "${text}" as a hostname: it is an address`,
      );
    },
  );
});
