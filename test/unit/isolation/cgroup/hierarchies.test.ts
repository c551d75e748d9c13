import { describe, expect, test } from "bun:test";
import { findHierarchies } from "../../../../src/isolation/cgroup/hierarchies.ts";

const UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
const HYBRID = [
  "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
  "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct",
  "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
  "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices",
  "38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio",
  "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
].join("\n");

function find(files: Readonly<Record<string, string>>, uid: number | null = null) {
  return findHierarchies({ uid, read: (path) => files[path] ?? null });
}

describe("hierarchies of control groups", () => {
  test("are one in version 2, with the controllers that limits need", () => {
    const { found } = find({
      "/proc/self/mountinfo": UNIFIED,
      "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
    });
    expect(found).toEqual([
      { version: 2, parent: "/sys/fs/cgroup", controllers: ["cpu", "io", "memory", "pids"] },
    ]);
  });

  test("are many in version 1, beside one of version 2 that has no controllers", () => {
    const { found } = find({
      "/proc/self/mountinfo": HYBRID,
      "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
    });
    expect(found).toEqual([
      { version: 1, parent: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu"] },
      { version: 1, parent: "/sys/fs/cgroup/memory", controllers: ["memory"] },
      { version: 1, parent: "/sys/fs/cgroup/blkio", controllers: ["io"] },
      { version: 2, parent: "/sys/fs/cgroup/unified", controllers: [] },
    ]);
  });

  test("are, for an ordinary user, those delegated to systemd's user manager", () => {
    const manager = "/user.slice/user-1000.slice/user@1000.service";
    const { found, lacks } = find(
      {
        "/proc/self/mountinfo": UNIFIED,
        "/proc/self/cgroup": `0::${manager}/app.slice/ten.service\n`,
        [`/sys/fs/cgroup${manager}/cgroup.controllers`]: "cpu memory pids\n",
      },
      1000,
    );
    expect(found).toEqual([
      {
        version: 2,
        parent: `/sys/fs/cgroup${manager}`,
        controllers: ["cpu", "memory", "pids"],
      },
    ]);
    expect(lacks.remedy).toContain("Delegate=");
  });

  const lacking = [
    {
      what: "where none is mounted",
      files: {},
      uid: null,
      reason: "no control groups are mounted",
    },
    {
      what: "for an ordinary user of version 1",
      files: { "/proc/self/mountinfo": HYBRID.split("\n").slice(0, -1).join("\n") },
      uid: 1000,
      reason: "version 1 of control groups is for root only",
    },
    {
      what: "for an ordinary user outside the user manager",
      files: {
        "/proc/self/mountinfo": UNIFIED,
        "/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
      },
      uid: 1000,
      reason: "no control group is delegated to this user",
    },
  ];
  for (const { what, files, uid, reason } of lacking) {
    test(`are none ${what}, and the reason is reported`, () => {
      const { found, lacks } = find(files, uid);
      expect(found).toEqual([]);
      expect(lacks.reason).toBe(reason);
    });
  }
});
