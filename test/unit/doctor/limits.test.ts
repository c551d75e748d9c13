import { expect, test } from "bun:test";
import { examineLimits } from "../../../src/doctor/limits.ts";
import { FakeHost } from "./fake-host.ts";

const holds = () => null;
const SWAP = "Filename Type Size\n/dev/sda2 partition 1000";

function swapOf(files: Readonly<Record<string, string>>) {
  return examineLimits(new FakeHost(files), holds).find(({ id }) => id === "limits.swap");
}

test("a limit that can't be applied blocks its own key only", () => {
  const gap = { reason: "this kernel does not offer it", remedy: "boot another" };
  const found = examineLimits(new FakeHost({}), ({ key }) => (key === "io_weight" ? gap : null));
  expect(found.filter(({ state }) => state === "missing")).toMatchObject([
    { id: "limits.io_weight", found: gap.reason, remedy: gap.remedy, blocks: ["io_weight"] },
  ]);
  expect(found.filter(({ state }) => state === "ok")).toHaveLength(5);
});

test("lists the hierarchies with their controllers", () => {
  const mountinfo = [
    "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
  ].join("\n");
  const [both] = examineLimits(new FakeHost({ "/proc/self/mountinfo": mountinfo }), holds);
  expect(both).toMatchObject({
    state: "ok",
    found: "version 2: which finds and ends processes; version 1: memory",
  });
  const [none] = examineLimits(new FakeHost({}), holds);
  expect(none).toMatchObject({ id: "limits.groups", state: "warning" });
});

test("warns about swap space that does not count as memory", () => {
  expect(swapOf({ "/proc/swaps": "Filename Type Size" })).toMatchObject({ found: "none" });
  expect(swapOf({ "/proc/swaps": SWAP })).toMatchObject({ state: "ok" });
  const off = { "/proc/swaps": SWAP, "/proc/cmdline": "quiet swapaccount=0" };
  expect(swapOf(off)).toMatchObject({ state: "warning" });
  const version1 = { "/proc/swaps": SWAP, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "" };
  expect(swapOf(version1)).toMatchObject({ state: "warning" });
});

test.skipIf(process.platform !== "linux")("this host says for each limit whether it holds", () => {
  for (const { found, id, remedy, state } of examineLimits(new FakeHost({}))) {
    if (id === "limits.swap" || id === "limits.groups") continue;
    if (state === "ok") expect(found).toStartWith("tried: ");
    else expect(remedy).not.toMatch(/^Remove|doctor/);
  }
});
