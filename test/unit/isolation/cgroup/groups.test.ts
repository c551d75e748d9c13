import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FailureError } from "../../../../src/core/failure.ts";
import type { Service } from "../../../../src/core/service.ts";
import type { Controller } from "../../../../src/isolation/cgroup/cgroup-limits.ts";
import { ControlGroups } from "../../../../src/isolation/cgroup/groups.ts";
import { serviceWith } from "../../../support/service.ts";

let root: string;
let dataDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-cgroup-"));
  dataDir = join(root, "data");
  mkdirSync(dataDir);
});

afterEach(() => rmSync(root, { recursive: true }));

function placed(service: Partial<Service> = {}, slot: 0 | 1 = 0) {
  return {
    service: serviceWith({ pidsLimit: 0, ...service }),
    ref: { service: "notes", id: "alice" },
    slot,
    port: 30_000,
    extraPorts: [],
  };
}

function groupsOf(controllers: readonly Controller[], directory = dataDir): ControlGroups {
  return new ControlGroups({
    dataDir: directory,
    find: () => ({
      found: [{ version: 2, parent: root, controllers }],
      lacks: { reason: "this host lacks it", remedy: "buy another" },
    }),
  });
}

/** The directory of the only group. */
function directoryOf(groups: ControlGroups, slot: 0 | 1 = 0): string {
  return groups.open(placed({}, slot), 1).launcherOptions[1] ?? "";
}

describe("the control group of a launch", () => {
  test("is named by server, instance and slot, unlike any file of a group", () => {
    const directory = directoryOf(groupsOf([]));
    expect(directory).toMatch(/\/ten\/[0-9a-f]{12}\/notes:alice$/);
    expect(directoryOf(groupsOf([]), 1)).toBe(`${directory}.1`);
  });

  test("differs from that of another server", () => {
    const other = join(root, "other");
    mkdirSync(other);
    expect(directoryOf(groupsOf([], other))).not.toBe(directoryOf(groupsOf([])));
  });

  test("is found again by a later server, and removed", async () => {
    const directory = directoryOf(groupsOf([]));
    const found = groupsOf([]).find(placed());
    expect(found.launcherOptions).toEqual(["--cgroup", directory]);
    await found.dissolve();
    expect(existsSync(directory)).toBe(false);
    expect(groupsOf([]).find(placed()).launcherOptions).toEqual([]);
  });

  test("of an earlier launch leaves a later one of the same name alone", async () => {
    const groups = groupsOf([]);
    const earlier = groups.open(placed(), 1);
    const [, directory = ""] = earlier.launcherOptions;
    renameSync(directory, `${directory}.earlier`);
    groups.open(placed(), 1);
    writeFileSync(join(directory, "cgroup.kill"), "");
    earlier.kill();
    await earlier.dissolve();
    expect(readFileSync(join(directory, "cgroup.kill"), "utf8")).toBe("");
  });

  test("is removed unless its launch is kept, and the server's own group with the last", async () => {
    const groups = groupsOf([]);
    const [kept, stray] = [directoryOf(groups, 0), directoryOf(groups, 1)];
    await groups.sweep([placed({}, 0)]);
    expect([existsSync(kept), existsSync(stray)]).toEqual([true, false]);
    writeFileSync(join(kept, "somebody"), "");
    groups.close();
    expect(existsSync(kept)).toBe(true);
    rmSync(join(kept, "somebody"));
    await groups.sweep([]);
    groups.close();
    expect(existsSync(join(root, "ten"))).toBe(false);
  });

  test("in which nothing was started is removed with the server", () => {
    const groups = groupsOf([]);
    directoryOf(groups);
    groups.close();
    expect(existsSync(join(root, "ten"))).toBe(false);
  });

  test("gets missing controllers enabled in every group above it", () => {
    const base = dirname(directoryOf(groupsOf([])));
    const handed = [root, dirname(base), base].map((group) =>
      join(group, "cgroup.subtree_control"),
    );
    for (const file of handed) writeFileSync(file, "");
    writeFileSync(handed[2] ?? "", "cpu\n");
    groupsOf(["cpu", "memory"]).open(placed({}, 1), 1);
    expect(handed.map((file) => readFileSync(file, "utf8").trim())).toEqual([
      "+memory",
      "+memory",
      "+memory",
    ]);
  });
});

describe("a limit that can't be applied", () => {
  const refusalOf = (controllers: readonly Controller[], service: Partial<Service>) => {
    try {
      groupsOf(controllers).open(placed(service), 1);
      return null;
    } catch (error) {
      return (error as FailureError).failure;
    }
  };

  test("for lack of a controller refuses the start, with all missing limits and the remedy", () => {
    const error = refusalOf(["cpu"], { memoryLimitBytes: 1, pidsLimit: 5 });
    expect(error?.code).toBe("LEVEL_MISSING");
    expect(error?.reason).toBe("memory_limit_mb, pids_limit can't be applied: this host lacks it");
    expect(error?.hint).toBe(
      "Remove memory_limit_mb, pids_limit from [service.notes], or buy another",
    );
  });

  test("for lack of a file names the file, and leaves no group", () => {
    const error = refusalOf(["cpu"], { cpuShares: 5 });
    expect(error?.reason).toMatch(/: \S+\/notes:alice\/cpu.weight can not be set \(ENOENT\)$/);
    expect(
      readdirSync(join(root, "ten")).flatMap((server) => readdirSync(join(root, "ten", server))),
    ).toEqual([]);
  });

  test("does not refuse the start when it is the default one", () => {
    expect(refusalOf([], { pidsLimit: null })).toBeNull();
    expect(refusalOf(["pids"], { pidsLimit: null })).toBeNull();
  });

  test("is refused where the group's parent can't be made, unless it is the default one", () => {
    writeFileSync(join(root, "ten"), "in the way");
    expect(refusalOf(["pids"], { pidsLimit: 7 })?.reason).toContain("ten/");
    expect(groupsOf(["pids"]).open(placed({ pidsLimit: null }), 1).launcherOptions).toEqual([]);
  });
});
