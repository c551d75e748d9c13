// The attack on walls, from inside a machine with a kernel of its own: what it gets must be its own.
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
  /** What got through although it concerns more than the machine's own kernel, processes and network. */
  readonly through: readonly string[];
  /** Whether it came to its end. */
  readonly isDone: boolean;
}

/** What succeeds because it concerns nothing but the machine itself. */
const ITS_OWN: readonly string[] = [
  ["new-user-namespace", "clone-user-namespace", "capabilities-bounding", "filter-in-place"],
  ["keyring-session", "keyring-user", "key-add", "key-request"],
  ["userfaultfd", "io-uring-setup", "compare-processes", "quota"],
  ["io-privilege", "io-ports", "other-call-numbers"],
  ["netlink-diagnosis", "netlink-audit", "netlink-events", "multipath-tcp"],
  ["idle-port", "idle-port-of-ipv6", "other-port-shared", "idle-udp-port"],
  ["create-in-run", "firmware", "devices-listed", "processes-listed"],
  // Each kernel numbers its first namespaces alike.
  ["namespace-ipc", "namespace-uts", "namespace-cgroup"],
].flat();

/** The identifier of this host's kernel, by which the attack knows that it is in another. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Attacks from `vm:alice`, which runs the words that it is told, beside a victim on the host. */
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
    // Refused is refused, whatever the kernel calls it.
    .filter(([, word, , detail = ""]) => word !== "ok" && !detail.startsWith("failed with"))
    .filter(([, , name = ""]) => !ITS_OWN.includes(name))
    .filter(([line]) => line !== `FAIL root-home: shows ${shownIn("/root")}`)
    .map(([line]) => line);
  return { attempts: results.length, through, isDone: /^done$/m.test(said) };
}
