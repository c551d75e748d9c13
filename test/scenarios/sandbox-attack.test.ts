// The attack on walls, from inside a sandbox: what it gets must be its own. Beside it, without walls, lives a victim.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { compilePrograms, isUnable } from "../launcher/programs.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { isMissing, RUNSC } from "../support/tool.ts";
import { until } from "../support/until.ts";
import { type Attacker, factsFor, layOutData, startVictim } from "./attack-victim.ts";

setDefaultTimeout(60_000);

const CHECKS_MIN = 180;
/** It would end the sandbox, whose first process is the tenant's own. */
const SKIPPED = "init-death";

const ATTACKER: Attacker = {
  service: "notes",
  id: "a",
  dataDir: "{data_dir}",
  port: "{port}",
  facts: { sandbox: "gVisor", skip: ` ${SKIPPED} ` },
};

/** What succeeds because it concerns nothing but the tenant's own kernel, processes and network. */
const ITS_OWN = [
  ["devices-listed", "device-fuse", "kernel-log-call", "keyring-session", "netlink-events"],
  ["new-user-namespace", "new-time-namespace", "clone-user-namespace"],
  ["init-signal", "init-environment", "init-descriptors", "init-root", "init-arguments"],
  ["idle-port", "idle-port-of-ipv6", "other-port-shared", "low-port", "idle-udp-port"],
].flat();
/** What asks for a means of the launcher's walls, or for a name that the attack expects of them. */
const NO_WALLS = [
  ["filter-in-place", "signals-blocked", "signals-ignored", "namespace-cgroup"],
  ["guards-on-root", "guards-on-own", "guards-on-tmp", "guards-on-shm"],
].flat();

/** Lines of the attack, by their first word. */
async function resultsOf(ten: Ten): Promise<readonly (readonly [string, string, string])[]> {
  const text = await until("the attack is over", async () => {
    const logs = await ten.must("logs", "notes:a", "--limit", "1000");
    return / (?:done|attack: .*)$/m.test(logs) && logs;
  });
  const lines = text.matchAll(/ (ok|FAIL|open) ([\w-]+)(?:: (.*))?$/gm);
  return [...lines].map(([, word = "", name = "", detail = ""]) => [word, name, detail] as const);
}

describe.skipIf(isUnable() || isMissing(RUNSC))("a tenant in a sandbox", () => {
  test("gets at nothing but what is its own", async () => {
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
      // It serves nothing, so it never gets ready.
      await ten.ten("spawn", "notes:a");
      const results = await resultsOf(ten);
      const through = results
        // Refused is refused, whatever the kernel calls it.
        .filter(([word, , detail]) => word !== "ok" && !detail.startsWith("failed with"))
        .filter(([, name]) => ![...ITS_OWN, ...NO_WALLS].includes(name));
      expect(through).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(CHECKS_MIN);
    });
  });

  test("is not attacked at all outside", () => {
    using programs = compilePrograms();
    const facts = ["sandbox=gVisor", "host-pid=x", "host-mnt=x"];
    const outside = Bun.spawnSync(["setpriv", "--reuid", "65534", programs.attack, ...facts]);
    expect(outside.exitCode).toBe(99);
    expect(outside.stdout.toString()).toBe("");
  });
});
