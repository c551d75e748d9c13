// The attack on walls from inside a machine: it may only reach the machine itself.
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../bench/support.ts";
import { compilePrograms } from "../launcher/programs.ts";
import { ROOT } from "../support/executable.ts";
import type { Ten } from "../support/ten.ts";
import { shownIn } from "../support/walls.ts";
import { factsFor, startVictim } from "./attack-victim.ts";

export interface MachineAttack {
  readonly attempts: number;
  /** Checks that failed although they concern more than the machine's own kernel, processes and network. */
  readonly through: readonly string[];
  /** Whether the attack ran to its end. */
  readonly isDone: boolean;
}

/** Checks that fail because they concern only the machine itself. */
const ITS_OWN: readonly string[] = [
  ["new-user-namespace", "clone-user-namespace", "capabilities-bounding", "filter-in-place"],
  ["keyring-session", "keyring-user", "key-add", "key-request"],
  ["userfaultfd", "io-uring-setup", "compare-processes", "quota"],
  ["io-privilege", "io-ports", "other-call-numbers", "unlisted-call"],
  ["netlink-diagnosis", "netlink-audit", "netlink-events", "multipath-tcp"],
  ["idle-port", "idle-port-of-ipv6", "other-port-shared", "idle-udp-port"],
  ["create-in-run", "firmware", "devices-listed", "processes-listed"],
  // Each kernel numbers its first namespaces alike.
  ["namespace-ipc", "namespace-uts", "namespace-cgroup"],
].flat();

/** The boot id of this host, by which the attack recognizes that it runs on another kernel. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Runs the attack in `vm:alice`, which runs a command on request, with a victim on the host. */
export async function attackFromMachine(
  { dataDir }: Ten,
  run: (words: readonly string[]) => Promise<string>,
): Promise<MachineAttack> {
  using programs = compilePrograms();
  using victim = await startVictim(programs);
  const own = join(dataDir, "vm/alice");
  for (const [name, mode] of [
    ["attack", 0o755],
    ["setuid-copy", 0o4755],
  ] as const) {
    copyFileSync(programs.attack, join(own, name));
    chmodSync(join(own, name), mode);
  }
  const facts = {
    "host-boot-id": bootId(),
    "setuid-copy": join(own, "setuid-copy"),
    "read-directory": join(ROOT, "test"),
    "read-canary": join(ROOT, "test/architecture.test.ts"),
    "own-socket": "/tmp/own-socket",
  };
  const attacker = { service: "vm", id: "alice", dataDir, port: String(freePort()), facts };
  const said = await run([join(own, "attack"), ...factsFor(victim, attacker)]);
  const results = [...said.matchAll(/^(ok|FAIL|open) ([\w-]+)(?:: (.*))?$/gm)];
  const through = results
    // Any error is a refusal, whatever its code.
    .filter(([, word, , detail = ""]) => word !== "ok" && !detail.startsWith("failed with"))
    .filter(([, , name = ""]) => !ITS_OWN.includes(name))
    .filter(([line]) => line !== `FAIL root-home: shows ${shownIn("/root")}`)
    .map(([line]) => line);
  return { attempts: results.length, through, isDone: /^done$/m.test(said) };
}
