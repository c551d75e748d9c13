// The attack on walls from inside a sandbox: it may only reach itself. The victim is a process without walls.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { compilePrograms, isUnable } from "../launcher/programs.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { isMissing, RUNSC } from "../support/tool.ts";
import { until } from "../support/until.ts";
import { type Attacker, factsFor, layOutData, startVictim } from "./attack-victim.ts";

setDefaultTimeout(120_000);

const CHECKS_MIN = 180;
/** Attempts that would end the sandbox, whose first process is the tenant's. */
const SKIPPED = "init-death";

const ATTACKER: Attacker = {
  service: "notes",
  id: "a",
  dataDir: "{data_dir}",
  port: "{port}",
  facts: { sandbox: "gVisor", skip: ` ${SKIPPED} ` },
};

/** Checks that fail because they concern only the tenant's own kernel, processes and network. */
const ITS_OWN = [
  ["devices-listed", "device-fuse", "kernel-log-call", "keyring-session", "netlink-events"],
  ["new-user-namespace", "new-time-namespace", "clone-user-namespace"],
  ["init-signal", "init-environment", "init-descriptors", "init-root", "init-arguments"],
  ["idle-port", "idle-port-of-ipv6", "other-port-shared", "low-port", "idle-udp-port"],
].flat();
/** Checks of means and names that only the launcher's walls have. */
const NO_WALLS = [
  ["filter-in-place", "signals-blocked", "signals-ignored", "namespace-cgroup"],
  ["guards-on-root", "guards-on-own", "guards-on-tmp", "guards-on-shm"],
].flat();

/** Lines of the attack's report, by their first word. */
async function resultsOf(ten: Ten): Promise<readonly (readonly [string, string, string])[]> {
  const text = await until("the attack is over", async () => {
    const logs = await ten.must("logs", "notes:a", "--limit", "1000");
    return / (?:done|attack: .*)$/m.test(logs) && logs;
  });
  const lines = text.matchAll(/ (ok|FAIL|open) ([\w-]+)(?:: (.*))?$/gm);
  return [...lines].map(([, word = "", name = "", detail = ""]) => [word, name, detail] as const);
}

describe.skipIf(isUnable() || isMissing(RUNSC))("a tenant in a sandbox", () => {
  test("reaches nothing but its own", async () => {
    using programs = compilePrograms();
    using victim = await startVictim(programs);
    const configText = `
[service.notes]
command = "${programs.attack}"
args = ${JSON.stringify(factsFor(victim, ATTACKER))}
workdir = "{data_dir}/{name}/{id}"
isolation = "sandbox"
restart = "never"
read_paths = ["${victim.root}/shown"]
`;
    await withTen({ configText }, async (ten) => {
      layOutData(ten);
      // It never becomes ready, since it doesn't listen.
      await ten.ten("spawn", "notes:a");
      const results = await resultsOf(ten);
      const through = results
        // Any error is a refusal, whatever its code.
        .filter(([word, , detail]) => word !== "ok" && !detail.startsWith("failed with"))
        .filter(([, name]) => ![...ITS_OWN, ...NO_WALLS].includes(name));
      expect(through).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(CHECKS_MIN);
    });
  });

  test("doesn't run the attack outside", () => {
    using programs = compilePrograms();
    const facts = ["sandbox=gVisor", "host-pid=x", "host-mnt=x"];
    const outside = Bun.spawnSync(["setpriv", "--reuid", "65534", programs.attack, ...facts]);
    expect(outside.exitCode).toBe(99);
    expect(outside.stdout.toString()).toBe("");
  });
});
