import { describe, expect, test } from "bun:test";
import type { Service } from "../../../../src/core/service.ts";
import {
  planBackgroundLimits,
  planLimits,
} from "../../../../src/isolation/cgroup/cgroup-limits.ts";
import { serviceWith } from "../../../support/service.ts";

/** FILE=VALUE, in the order of writing; files that need not exist in brackets. */
function render(service: Partial<Service>, version: 1 | 2, helpers = 1): string[] {
  return planLimits(serviceWith({ pidsLimit: 0, ...service }), { version, helpers }).flatMap(
    ({ files }) =>
      files.map(({ isRequired, name, value }) =>
        isRequired ? `${name}=${value}` : `[${name}=${value}]`,
      ),
  );
}

describe("the limits of an instance", () => {
  const cases: { service: Partial<Service>; version2: string[]; version1: string[] }[] = [
    {
      service: { memoryLimitBytes: 100_000_000 },
      version2: ["memory.max=100000000", "[memory.swap.max=0]", "[memory.oom.group=1]"],
      version1: ["memory.limit_in_bytes=100000000", "[memory.memsw.limit_in_bytes=100000000]"],
    },
    { service: { cpuShares: 100 }, version2: ["cpu.weight=100"], version1: ["cpu.shares=1024"] },
    { service: { cpuShares: 1 }, version2: ["cpu.weight=1"], version1: ["cpu.shares=10"] },
    {
      service: { cpuShares: 10_000 },
      version2: ["cpu.weight=10000"],
      version1: ["cpu.shares=102400"],
    },
    {
      service: { cpuLimit: 0.5 },
      version2: ["cpu.max=50000 100000"],
      version1: ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"],
    },
    {
      service: { cpuLimit: 2 },
      version2: ["cpu.max=200000 100000"],
      version1: ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=200000"],
    },
    {
      service: { ioWeight: 10_000 },
      version2: ["[io.weight=10000]", "[io.bfq.weight=1000]"],
      version1: ["[blkio.bfq.weight=1000]"],
    },
    {
      service: { ioWeight: 1 },
      version2: ["[io.weight=1]", "[io.bfq.weight=1]"],
      version1: ["[blkio.bfq.weight=1]"],
    },
    { service: { pidsLimit: 0 }, version2: [], version1: [] },
  ];
  for (const { service, version2, version1 } of cases) {
    test(`are rendered for both versions: ${JSON.stringify(service)}`, () => {
      expect(render(service, 2)).toEqual(version2);
      expect(render(service, 1)).toEqual(version1);
    });
  }

  test("do not count the launcher's own processes", () => {
    expect(render({ pidsLimit: 10 }, 2, 1)).toEqual(["pids.max=11"]);
    expect(render({ pidsLimit: 10 }, 1, 3)).toEqual(["pids.max=13"]);
  });

  test("default to 512 processes, which may fail to apply", () => {
    const limits = planLimits(serviceWith({ pidsLimit: null, cpuShares: 1 }), {
      version: 2,
      helpers: 2,
    });
    expect(limits.map(({ key, isConfigured }) => [key, isConfigured])).toEqual([
      ["cpu_shares", true],
      ["pids_limit", false],
    ]);
    expect(limits[1]?.files[0]?.value).toBe("514");
  });

  test("bound the server's own work to half a processor", () => {
    const cpu = ([1, 2] as const).map((version) =>
      planBackgroundLimits(version)
        .filter(({ key }) => key === "cpu_limit")
        .flatMap(({ files }) => files.map(({ name, value }) => `${name}=${value}`)),
    );
    expect(cpu).toEqual([
      ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"],
      ["cpu.max=50000 100000"],
    ]);
  });
});
