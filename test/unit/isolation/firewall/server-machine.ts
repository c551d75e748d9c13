// A process in the network of a server: opens its firewall, listens as tenants do, and connects to another machine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NftFirewall } from "../../../../src/isolation/firewall/firewall.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { reaches } from "./reaches.ts";

export const TENANT = 61_305;

/** Ports that it listens on, at all addresses. */
export const LISTENING = {
  /** Of nobody: shows that the machine can be reached. */
  control: 20_000,
  /** Of the tenant, as the firewall knows. */
  claimed: 30_001,
  /** The same, of a launch without a user of its own. */
  unowned: 30_002,
  /** Of the tenant's user, which the firewall does not know. */
  unknown: 20_001,
} as const;

/** Lines on standard input, each answered by one on standard output. */
export type Order = `reach ${string} ${number}` | "end";

/** Has the tenant's user listen with a queue as short as Python's own servers have. */
function listenAs(uid: number, port: number) {
  // Ends with the standard input, so with the process that has started it.
  const script = `import socket, sys
listener = socket.create_server(("::", ${port}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=5)
print("listens", flush=True)
sys.stdin.read()`;
  return Bun.spawn(["/usr/bin/python3", "-c", script], {
    uid,
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
  } as Bun.SpawnOptions.OptionsObject<"pipe", "pipe", "inherit">);
}

if (import.meta.main) {
  const dataDir = mkdtempSync(join(tmpdir(), "ten-machine-"));
  const firewall = NftFirewall.open({ dataDir, clock: new FakeClock(), recorded: [] });
  firewall.claim({ port: LISTENING.claimed, owner: TENANT, allowMetadata: false });
  firewall.claim({ port: LISTENING.unowned, owner: null, allowMetadata: false });
  const listeners = Object.entries(LISTENING).map(([name, port]) =>
    listenAs(name === "claimed" || name === "unknown" ? TENANT : 0, port),
  );
  for (const listener of listeners) await listener.stdout.getReader().read();
  console.log("ready");
  for await (const line of console) {
    const [order, address = "", port] = line.split(" ");
    if (order === "end") break;
    console.log(String(await reaches(TENANT, address, Number(port))));
  }
  for (const listener of listeners) listener.kill("SIGKILL");
  firewall[Symbol.dispose]();
  rmSync(dataDir, { recursive: true });
  process.exit(0);
}
