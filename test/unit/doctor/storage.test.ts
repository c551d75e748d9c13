import { describe, expect, test } from "bun:test";
import { type DirectoryFacts, examineDataDirectory } from "../../../src/doctor/data-directory.ts";
import { examineVolumes } from "../../../src/doctor/volumes.ts";
import { FakeHost } from "./fake-host.ts";

const GIB = 1024 ** 3;
const SPACE = { bytes: 100 * GIB, freeBytes: 50 * GIB, inodes: 1000, freeInodes: 900 };
const FACTS: DirectoryFacts = {
  nearest: "/srv/data",
  isWritable: true,
  mode: 0o700,
  space: SPACE,
};

const mounted = (line: string) =>
  new FakeHost({
    "/proc/self/mountinfo": `1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv ${line}`,
  });
const PLAIN = mounted("rw,relatime - xfs /dev/sda2 rw");

function examine(host: FakeHost, facts: Partial<DirectoryFacts> = {}) {
  const findings = examineDataDirectory(host, { ...FACTS, ...facts });
  return Object.fromEntries(findings.map((finding) => [finding.id, finding]));
}

describe("the data directory", () => {
  test("is ok on a local disk with free space", () => {
    const found = examine(PLAIN);
    expect(Object.values(found).map(({ state }) => state)).toEqual(["ok", "ok", "ok", "ok"]);
    expect(found["storage.type"]?.found).toBe("xfs at /srv");
    expect(examine(PLAIN, { nearest: "/srvx/data" })["storage.type"]?.found).toBe("ext4 at /");
  });

  test.each([0o755, 0o710, 0o701])("of mode %o is open to other users", (mode) => {
    expect(examine(PLAIN, { mode })["storage.directory"]).toMatchObject({
      state: "warning",
      remedy: "chmod 700 /srv/data",
    });
  });

  test("may be missing, if the nearest directory is writable", () => {
    const away = { mode: null, nearest: "/srv" };
    expect(examine(PLAIN, away)["storage.directory"]?.state).toBe("ok");
    const closed = examine(PLAIN, { ...away, isWritable: false })["storage.directory"];
    expect(closed).toMatchObject({ state: "warning", found: expect.stringContaining("/srv is") });
  });

  test.each([
    ["rw - tmpfs tmpfs rw", /restarts/],
    ["rw - nfs4 server:/export rw", /local disk/],
    ["rw - fuse.sshfs host: rw", /local disk/],
  ])("on %p causes a warning", (line, meaning) => {
    const finding = examine(mounted(line))["storage.type"];
    expect(finding?.state).toBe("warning");
    expect(finding?.meaning).toMatch(meaning);
  });

  test("on a file system mounted noexec blocks walls", () => {
    const finding = examine(mounted("rw,noexec - ext4 /dev/sda2 rw"))["storage.type"];
    expect(finding).toMatchObject({ state: "missing" });
    expect(finding?.blocks).toContain("isolation=namespace");
  });

  test.each([
    ["storage.space", { ...SPACE, freeBytes: GIB }],
    ["storage.space", { ...SPACE, bytes: 1000 * GIB, freeBytes: 40 * GIB }],
    ["storage.files", { ...SPACE, freeInodes: 10 }],
  ])("short of %s causes a warning", (id, space) => {
    expect(examine(PLAIN, { space })[id]?.state).toBe("warning");
  });

  test("is ok on a file system that does not count inodes", () => {
    const space = { ...SPACE, inodes: 0, freeInodes: 0 };
    expect(examine(PLAIN, { space })["storage.files"]).toBeUndefined();
  });
});

describe("hard quotas", () => {
  const programs = ["mkfs.ext4", "e2fsck", "resize2fs", "mount", "umount", "cp"];
  const host = new FakeHost({ "/dev/loop-control": "" }, { programs });
  const works = async () => null;

  test("are ok where a volume can be mounted", async () => {
    expect(await examineVolumes(host, works)).toMatchObject([{ state: "ok" }]);
  });

  test("are blocked where a tool is missing, without a trial", async () => {
    const without = new FakeHost({ "/dev/loop-control": "" });
    const [finding] = await examineVolumes(without, () => Promise.reject(new Error("tried")));
    expect(finding).toMatchObject({
      state: "missing",
      remedy: "apt-get install e2fsprogs",
      blocks: ["storage_enforce=hard"],
    });
  });

  test("are blocked where mounting fails, with the reason and the remedy", async () => {
    const gap = { reason: "mount: permission denied", remedy: "get the right to mount" };
    const [finding] = await examineVolumes(host, async () => gap);
    expect(finding).toMatchObject({ state: "missing", found: gap.reason, remedy: gap.remedy });
  });
});
