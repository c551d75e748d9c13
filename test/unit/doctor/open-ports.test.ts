import { expect, test } from "bun:test";
import type { Service } from "../../../src/core/service.ts";
import { examineOpenPorts } from "../../../src/doctor/open-ports.ts";
import { serviceWith } from "../../support/service.ts";

function examine(...services: Partial<Service>[]) {
  const named = services.map((changes, at) => serviceWith({ name: `s${at}`, ...changes }));
  return examineOpenPorts({ services: new Map(named.map((service) => [service.name, service])) });
}

test("services that may bind any port of the host are named", () => {
  const walled = { isolation: "namespace", bindAny: true } as const;
  const [finding] = examine(walled, { isolation: "namespace" }, walled);
  expect(finding).toMatchObject({ state: "warning", found: "any, for instances of s0, s2" });
});

test("services without walls or with a private network have nothing to open", () => {
  expect(examine({ bindAny: true })).toEqual([]);
  expect(examine({ isolation: "namespace", network: "private", bindAny: true })).toEqual([]);
  expect(examine({ isolation: "qemu", bindAny: true })).toEqual([]);
});
