// A tenant attacks another tenant and the host: as root and rootless, on the host's network and on a private one.
// The attack is the program launcher/attack, which does nothing outside walls.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { freePort } from "../../bench/support.ts";
import type { Network } from "../../src/core/service.ts";
import { type Kind, readReport } from "../launcher/attack-report.ts";
import { compilePrograms, isUnable, type Programs } from "../launcher/programs.ts";
import { withTen } from "../support/ten.ts";
import { isMissing, NFTABLES } from "../support/tool.ts";
import {
  configureTenants,
  lineUp,
  listTargets,
  type TenantPlan,
  workOf,
} from "./attack-tenants.ts";

setDefaultTimeout(120_000);

/** An ordinary user who runs the server. */
const USER = 29_611;
const CHECKS_MIN = 202;

interface Row {
  readonly kind: Kind;
  readonly network: Network;
  /** Checks that may fail, as documented in docs/isolation.md. */
  readonly open: readonly string[];
}

/** Checks that bind the ports of others, which are free in a network of its own. */
const BINDING = ["idle-port", "idle-port-of-ipv6", "other-port-shared"];

const ROWS: readonly Row[] = [
  { kind: "root", network: "host", open: ["host-connections", "idle-udp-port"] },
  { kind: "root", network: "private", open: ["idle-udp-port"] },
  {
    kind: "rootless",
    network: "host",
    open: ["host-connections", "idle-udp-port", "other-tcp-port"],
  },
  { kind: "rootless", network: "private", open: ["idle-udp-port"] },
];

describe.skipIf(isUnable() || isMissing(NFTABLES))("a tenant that tries to get out", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  /** The report of the attack, which runs as `notes:a` beside `notes:b`. */
  async function attack(plan: Omit<TenantPlan, "programs">): Promise<readonly string[]> {
    let said: readonly string[] = [];
    const user = plan.kind === "root" ? {} : { user: USER };
    const options = { parent: "/opt", ...user, configText: "" };
    await withTen(options, async (ten) => {
      using field = lineUp(ten, { ...plan, programs });
      ten.reconfigure(() => configureTenants(ten, { ...plan, programs }));
      await ten.restart();
      await ten.must("spawn", "notes:b", "--env", `SECRET=${field.secret}`);
      field.arm(await listTargets(ten, { ...plan, field, idlePort: freePort() }));
      // It never becomes ready, since it only attacks.
      await ten.ten("spawn", "notes:a");
      const logged = await ten.must("logs", "notes:a", "--json", "--limit", "1000");
      expect(readdirSync(workOf(ten)).sort()).toEqual(["page", "secret.env"]);
      said = logged
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { message: string }).message);
    });
    return said;
  }

  test.each([...ROWS])("reaches nothing of others: $kind, network $network", async (row) => {
    const said = await attack({ ...row, isolation: "namespace" });
    const { failed, open, held } = readReport(said.join("\n"));
    expect(Object.keys(failed).sort()).toEqual(row.network === "private" ? BINDING : []);
    expect([...open].sort()).toEqual([...row.open]);
    expect(held.length).toBeGreaterThanOrEqual(CHECKS_MIN);
    expect(held).toContain("works-layer-change");
    expect(said).toContain("done");
  });

  test("doesn't run the attack without walls", async () => {
    const said = await attack({ kind: "root", network: "host", isolation: "process" });
    expect(said).toContain("attack: not behind walls, so nothing was tried");
    expect(readReport(said.join("\n")).held).toEqual([]);
  });
});
