import { expect, test } from "bun:test";
import type { IsolationLevel, Network } from "../../../src/core/service.ts";
import { examineTrustedProxies } from "../../../src/doctor/trusted-proxies.ts";
import { serviceWith } from "../../support/service.ts";

const OWN = ["127.0.0.1", "192.0.2.5", "::1"];

interface Case {
  readonly isRoot?: boolean;
  readonly trusted?: readonly string[];
  readonly isolation?: IsolationLevel;
  readonly network?: Network | null;
}

function examine({
  isRoot = true,
  trusted = ["127.0.0.1"],
  isolation = "namespace",
  network = null,
}: Case) {
  const service = serviceWith({ name: "notes", isolation, network });
  const config = { settings: { trustedProxies: trusted }, services: new Map([["notes", service]]) };
  return examineTrustedProxies(
    { isRoot },
    config as unknown as Parameters<typeof examineTrustedProxies>[1],
    OWN,
  );
}

test.each([[[]], [["203.0.113.0/24"]]])("trusted proxies %p are on other hosts", (trusted) => {
  expect(examine({ trusted, isRoot: false })).toEqual([]);
});

test.each([
  ["a user of their own", {}],
  ["a private network", { isRoot: false, network: "private" }],
  ["a machine", { isRoot: false, isolation: "qemu" }],
] as const)("a proxy of this host can be told from instances with %s", (_, given) => {
  expect(examine(given)).toMatchObject([{ state: "ok", found: "127.0.0.1 of this host" }]);
});

test.each([
  ["of an ordinary user", { isRoot: false }],
  ["at level process", { isolation: "process" }],
  ["in a sandbox with the network of the host", { isolation: "sandbox", network: "host" }],
  ["that connect to another address of the host", { isRoot: false, trusted: ["192.0.2.0/24"] }],
] as const)("a proxy of this host can't be told from instances %s", (_, given) => {
  expect(examine(given)).toMatchObject([{ state: "warning", blocks: [] }]);
  expect(examine(given)[0]?.found).toContain("instances of notes can connect");
});
