import { expect, test } from "bun:test";
import { examineFirewall } from "../../../src/doctor/firewall.ts";
import { FakeHost } from "./fake-host.ts";

const refuse = () => ({ reason: "nft is not installed", remedy: "apt-get install nftables" });

test("is ok on a host with nftables", () => {
  expect(examineFirewall(new FakeHost({}), () => null)).toMatchObject([{ state: "ok" }]);
});

test("warns without nftables, with the consequence and the remedy", () => {
  expect(examineFirewall(new FakeHost({}), refuse)).toMatchObject([
    { state: "warning", found: "nft is not installed", remedy: "apt-get install nftables" },
  ]);
});

test("tells an ordinary user that the firewall needs root, or a private network", () => {
  const [finding] = examineFirewall(new FakeHost({}, { isRoot: false }), () => null);
  expect(finding).toMatchObject({ state: "warning" });
  expect(finding?.remedy).toContain('network = "private"');
});

test("reports nothing on other systems", () => {
  expect(examineFirewall(new FakeHost({}, { platform: "darwin" }), refuse)).toEqual([]);
});
