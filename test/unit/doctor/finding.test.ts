import { describe, expect, test } from "bun:test";
import {
  type Finding,
  findUnmetNeeds,
  fine,
  needsOf,
  renderNeed,
} from "../../../src/doctor/finding.ts";
import { serviceWith } from "../../support/service.ts";

const RUNSC = { id: "sandbox.runsc", group: "sandbox", title: "gVisor" } as const;
const noRunsc: Finding = {
  ...RUNSC,
  state: "missing",
  found: "runsc is not installed",
  meaning: "No service can be sandboxed",
  remedy: "apt-get install runsc",
  blocks: ["isolation=sandbox"],
};

describe("unmet needs", () => {
  test("name only the services with a need that is missing", () => {
    const services = [
      serviceWith({ name: "open" }),
      serviceWith({ name: "closed", isolation: "sandbox" }),
    ];
    expect(findUnmetNeeds(services, [noRunsc])).toEqual([
      { service: "closed", need: "isolation=sandbox", finding: noRunsc },
    ]);
  });

  test("do not come from findings that are ok or warnings", () => {
    const sandboxed = [serviceWith({ isolation: "sandbox" })];
    expect(findUnmetNeeds(sandboxed, [fine({ ...RUNSC, found: "20250101" })])).toEqual([]);
    expect(findUnmetNeeds(sandboxed, [{ ...noRunsc, state: "warning" }])).toEqual([]);
  });
});

describe("needs", () => {
  test("of a plain service are its level of isolation", () => {
    expect(needsOf(serviceWith())).toEqual(["isolation=process"]);
  });

  test("include every configured limit", () => {
    const limited = serviceWith({
      memoryLimitBytes: 1,
      cpuShares: 100,
      cpuLimit: 0.5,
      ioWeight: 10,
      pidsLimit: 5,
      storageEnforce: "hard",
      network: "private",
    });
    expect(needsOf(limited).slice(1)).toEqual([
      "memory_limit_mb",
      "cpu_shares",
      "cpu_limit",
      "io_weight",
      "pids_limit",
      "storage_enforce=hard",
      "network=private",
    ]);
  });

  test("include no limit on processes when it is off", () => {
    expect(needsOf(serviceWith({ pidsLimit: 0 }))).toEqual(["isolation=process"]);
  });

  test("include KVM only for a virtual machine that uses it", () => {
    const { machine } = serviceWith();
    expect(needsOf(serviceWith({ isolation: "qemu" }))).toContain("qemu_accel=kvm");
    const slow = serviceWith({ isolation: "qemu", machine: { ...machine, accel: "tcg" } });
    expect(needsOf(slow)).toEqual(["isolation=qemu"]);
  });

  test("are rendered as in the configuration", () => {
    expect(renderNeed("isolation=sandbox")).toBe('isolation = "sandbox"');
    expect(renderNeed("cpu_limit")).toBe("cpu_limit");
  });
});
