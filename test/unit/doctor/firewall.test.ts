import { expect, test } from "bun:test";
import { examineFirewall } from "../../../src/doctor/firewall.ts";
import { FakeHost } from "./fake-host.ts";

const refuse = () => ({ reason: "nft is not installed", remedy: "apt-get install nftables" });

test("a host with nftables leaves nothing to say", () => {
  expect(examineFirewall(new FakeHost({}), () => null)).toMatchObject([{ state: "ok" }]);
});

test("a host without is told what tenants can do, and what to install", () => {
  expect(examineFirewall(new FakeHost({}), refuse)).toMatchObject([
    { state: "warning", found: "nft is not installed", remedy: "apt-get install nftables" },
  ]);
});

test("an ordinary user is told that it takes root, or a private network", () => {
  const [finding] = examineFirewall(new FakeHost({}, { isRoot: false }), () => null);
  expect(finding).toMatchObject({ state: "warning" });
  expect(finding?.remedy).toContain('network = "private"');
});

test("another system has no walled tenants, so nothing is missing", () => {
  expect(examineFirewall(new FakeHost({}, { platform: "darwin" }), refuse)).toEqual([]);
});
