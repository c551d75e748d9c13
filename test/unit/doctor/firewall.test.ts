import { expect, test } from "bun:test";
import { examineFirewall } from "../../../src/doctor/firewall.ts";
import { FakeHost } from "./fake-host.ts";

const refuse = () => ({ reason: "nft is not installed", remedy: "apt-get install nftables" });

test("is ok on a host with nftables", () => {
  const found = examineFirewall(
    new FakeHost({}),
    () => null,
    () => [],
  );
  expect(found).toMatchObject([{ state: "ok" }]);
});

test("names the tables of servers whose data directory is gone, and how to delete them", () => {
  const tables = ["tenement_0123456789ab", "tenement_ba9876543210"];
  const [, orphans] = examineFirewall(
    new FakeHost({}),
    () => null,
    () => tables,
  );
  expect(orphans).toMatchObject({
    state: "warning",
    found: "2 tables",
    remedy:
      "nft delete table inet tenement_0123456789ab && nft delete table inet tenement_ba9876543210",
  });
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
