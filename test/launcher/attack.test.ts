// The attack of a tenant, in more than a hundred ways; and a check that fails without each wall.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Kind } from "./attack-report.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";
import { openTwoTenants } from "./two-tenants.ts";

setDefaultTimeout(120_000);

const KINDS: readonly Kind[] = ["root", "rootless"];
/** Not closed by these walls; docs/isolation.md says what closes them. */
const KNOWN_OPEN = ["host-connections", "idle-udp-port", "other-tcp-port"];
/** Checks that fail where the kernel lacks a wall; docs/isolation.md lists the kernels that have it. */
const OPEN_WITHOUT: Readonly<Record<string, readonly string[]>> = {
  "landlock-net": ["idle-port", "idle-port-of-ipv6", "other-port-shared"],
  "landlock-scope": ["init-signal", "other-abstract-socket"],
};
const CHECKS_MIN = 202;
/** Checks of files that are not hidden where the host is shown. */
const SHOWN_OF_HOST: Readonly<Record<Kind, readonly string[]>> = {
  root: ["data-in-mnt", "data-in-srv"],
  rootless: ["data-in-mnt", "data-in-srv", "data-in-var-lib"],
};
/** The exit code of the attack outside walls, where it tries nothing. */
const REFUSED = 99;

interface Loss {
  /** The omitted walls: some can't be omitted alone, because others need them. */
  readonly walls: readonly string[];
  /** One of the checks that must fail without them. */
  readonly missedBy: string;
}

const LOSSES: readonly Loss[] = [
  { walls: ["SECCOMP"], missedBy: "new-user-namespace" },
  { walls: ["LANDLOCK"], missedBy: "idle-port" },
  { walls: ["UID"], missedBy: "not started" },
  { walls: ["GROUPS"], missedBy: "groups-left" },
  { walls: ["CAPABILITIES"], missedBy: "capabilities-bounding" },
  { walls: ["NO_NEW_PRIVILEGES"], missedBy: "not started" },
  { walls: ["NO_NEW_PRIVILEGES", "SECCOMP", "LANDLOCK"], missedBy: "no-new-privileges" },
  {
    walls: ["NO_NEW_PRIVILEGES", "SECCOMP", "LANDLOCK", "NO_SETUID"],
    missedBy: "setuid-program",
  },
  { walls: ["HIDE"], missedBy: "other-secret" },
  { walls: ["READ_ONLY"], missedBy: "canary-write" },
  { walls: ["NO_SETUID"], missedBy: "guards-on-own" },
  { walls: ["DEVICES"], missedBy: "devices-listed" },
  { walls: ["PRIVATE_TMP"], missedBy: "host-tmp" },
  { walls: ["SEALS"], missedBy: "create-in-hidden" },
  { walls: ["SYS"], missedBy: "firmware" },
  { walls: ["PID"], missedBy: "not started" },
  { walls: ["IPC"], missedBy: "namespace-ipc" },
  { walls: ["UTS"], missedBy: "host-name" },
  { walls: ["CGROUP"], missedBy: "namespace-cgroup" },
  { walls: ["INIT_SECRECY"], missedBy: "init-arguments" },
  { walls: ["DESCRIPTORS"], missedBy: "descriptors-inherited" },
  { walls: ["SIGNALS"], missedBy: "signals-blocked" },
];

describe.skipIf(isUnable())("a tenant behind walls", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  test.each([...KINDS])("reaches nothing of another tenant or the host: %s", async (kind) => {
    await using tenants = await openTwoTenants(kind, programs);
    const attacked = await tenants.attack(programs.launcher);
    const { code, failed, open, held, missing, stderr, workdir } = attacked;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const excused = missing.flatMap((wall) => OPEN_WITHOUT[wall] ?? []);
    expect(Object.entries(failed).filter(([name]) => !excused.includes(name))).toEqual([]);
    expect([...open].sort()).toEqual(KNOWN_OPEN);
    expect(held.length).toBeGreaterThanOrEqual(CHECKS_MIN);
    expect(held).toContain("works-layer-change");
    expect(workdir).toEqual(["page", "secret"]);
  });

  test.each([...KINDS])(
    "reaches data where the host is shown, and nothing else: %s",
    async (kind) => {
      await using tenants = await openTwoTenants(kind, programs, "host");
      const { failed, missing } = await tenants.attack(programs.launcher);
      const excused = missing.flatMap((wall) => OPEN_WITHOUT[wall] ?? []);
      const reached = Object.keys(failed).filter((name) => !excused.includes(name));
      expect(reached.sort()).toEqual([...SHOWN_OF_HOST[kind]]);
    },
  );

  test("has a test without each wall of the source", async () => {
    const source = await Bun.file(new URL("../../native/launcher/walls.h", import.meta.url)).text();
    const named = [...source.matchAll(/^ {2}WALL_(\w+) =/gm)].map((match) => match[1] ?? "");
    const alone = LOSSES.filter(({ walls }) => walls.length === 1).map(({ walls }) => walls[0]);
    expect(alone.sort()).toEqual(named.sort());
  });

  test.each([...LOSSES])("reaches more without a wall: %j", async ({ walls, missedBy }) => {
    const launcher = programs.launcherWithout(walls.map((name) => `WALL_${name}`));
    const missed: string[] = [];
    for (const kind of KINDS) {
      await using tenants = await openTwoTenants(kind, programs);
      const { code, failed } = await tenants.attack(launcher);
      missed.push(...Object.keys(failed));
      if (code !== 0) missed.push("not started");
    }
    if (process.env["TEN_TEST_VERBOSE"] === "1") console.log(walls.join(" "), missed.join(" "));
    expect(missed).toContain(missedBy);
  });

  test("doesn't run the attack outside walls", async () => {
    const outside = Bun.spawnSync([programs.attack, "host-pid=x", "host-mnt=x"]);
    expect(outside.exitCode).toBe(REFUSED);
    expect(outside.stdout.toString()).toBe("");
  });
});
