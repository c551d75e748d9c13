import { expect, test } from "bun:test";
import { examineKernel } from "../../../src/doctor/kernel.ts";
import type { Host } from "../../../src/platform/host.ts";
import { FakeHost } from "./fake-host.ts";

function find(host: Host, id: string) {
  return examineKernel(host).find((finding) => finding.id === id);
}

test("is ok on a current kernel", () => {
  const host = new FakeHost({ "/proc/sys/kernel/osrelease": "6.12.1-amd64" }, { landlock: 6 });
  expect(examineKernel(host).map(({ state }) => state)).toEqual(["ok", "ok"]);
});

test.each(["5.11.22", "4.19.0-27-amd64"])("Linux %s is too old for walls", (release) => {
  const host = new FakeHost({ "/proc/sys/kernel/osrelease": release });
  expect(find(host, "kernel")).toMatchObject({
    state: "missing",
    found: `Linux ${release}`,
    blocks: ["isolation=namespace", "isolation=sandbox"],
  });
});

test.each(["5.12.0", "5.100", "6.1"])("Linux %s is new enough for walls", (release) => {
  expect(find(new FakeHost({ "/proc/sys/kernel/osrelease": release }), "kernel")?.state).toBe("ok");
});

test.each([
  [null, /free port/],
  [3, /free port/],
  [4, /abstract Unix sockets/],
])("warns about Landlock of version %p, with the consequence", (landlock, meaning) => {
  const finding = find(new FakeHost({}, { landlock }), "landlock");
  expect(finding?.state).toBe("warning");
  expect(finding?.meaning).toMatch(meaning);
});

test.each([
  { release: "5.13.9", isRoot: false, state: "warning" },
  { release: "5.14.0", isRoot: false, state: "ok" },
  { release: "5.13.9", isRoot: true, state: undefined },
])("the limit of processes on Linux $release, root $isRoot: $state", (host) => {
  const { isRoot, release, state } = host;
  const fake = new FakeHost({ "/proc/sys/kernel/osrelease": release }, { isRoot });
  expect(find(fake, "processes")?.state).toBe(state as "ok" | "warning");
});

test("names the missing levels on other systems", () => {
  const [finding] = examineKernel(new FakeHost({}, { platform: "darwin" }));
  expect(finding?.blocks).toContain("isolation=namespace");
  expect(finding?.blocks).not.toContain("isolation=process");
});
