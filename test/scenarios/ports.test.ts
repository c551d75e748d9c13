// The ports of instances beside the first: extra ones, and those that an operator leaves to an application.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { tableName } from "../../src/isolation/firewall/firewall-tables.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { BINDING_COMMAND } from "../support/tenants/command.ts";
import { IPROUTE, isMissing, NFTABLES, PYTHON } from "../support/tool.ts";
import { attemptAll, openTwoMachines, SERVER, type TwoMachines } from "../support/two-machines.ts";
import { wallSettings } from "../support/walls.ts";

const hasWalls = "read_paths" in wallSettings();
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const EXTRA_PORTS = `
[service.extra]
command = "${BINDING_COMMAND} {port1}"
isolation = "namespace"
extra_ports = 2
`;

const ANY_PORT = `
[service.any]
command = "/usr/bin/${BINDING_COMMAND}"
isolation = "namespace"
bind = "any"
[service.port]
command = "/usr/bin/${BINDING_COMMAND}"
isolation = "namespace"
`;

/** A port outside of the range of the server. */
const OWN_PORT = 25_000;
const ALL_ADDRESSES = `
[service.walled]
command = "/usr/bin/${BINDING_COMMAND}"
isolation = "namespace"
bind = "any"
env = { HOST = "0.0.0.0", LISTEN = "${OWN_PORT}" }
[service.plain]
command = "/usr/bin/${BINDING_COMMAND}"
isolation = "process"
env = { HOST = "0.0.0.0" }
[service.loopback]
command = "/usr/bin/${BINDING_COMMAND}"
isolation = "namespace"
`;

/** An ordinary user who runs the server. */
const USER = 29_612;

async function ask(ten: Ten, id: string, path: string): Promise<string> {
  return (await ten.get(`${id}.localhost`, path)).text;
}

/** The first port of an instance, then its extra ones. */
async function portsOf(ten: Ten, id: string): Promise<readonly string[]> {
  const env = JSON.parse(await ask(ten, id, "/")) as Record<string, string>;
  return ["PORT", "TENEMENT_PORT_1", "TENEMENT_PORT_2"].map((name) => env[name] ?? "");
}

describe.skipIf(!hasWalls || !isRoot || isMissing(PYTHON) || isMissing(NFTABLES))(
  "extra ports",
  () => {
    test("belong to one instance until it stops, across a handover and a killed server", () =>
      withTen({ configText: EXTRA_PORTS }, async (ten) => {
        await ten.must("spawn", "extra:a", "extra:b");
        const [first = "", ...extra] = await portsOf(ten, "a.extra");
        const others = await portsOf(ten, "b.extra");
        expect(new Set([first, ...extra, ...others]).size).toBe(6);
        for (const port of extra)
          expect(await ask(ten, "a.extra", `/listen?port=${port}`)).toBe("listening");
        const pid = (await ten.instance("extra:a"))?.pid ?? 0;
        const check = async () => {
          expect((await ten.instance("extra:a"))?.pid).toBe(pid);
          for (const port of extra) {
            expect(await ask(ten, "a.extra", `/reach?port=${port}`)).toBe("connected");
            expect(await ask(ten, "b.extra", `/reach?port=${port}`)).toBe("ECONNREFUSED");
            expect(await ask(ten, "b.extra", `/bind?port=${port}`)).toBe("EACCES");
          }
        };
        await check();
        await ten.must("restart-server");
        await check();
        await ten.kill9();
        await ten.start();
        await check();
        await ten.must("restart", "extra:b");
        expect(await portsOf(ten, "b.extra")).not.toContain(extra[0]);
        await ten.must("stop", "extra:a");
        const table = Bun.spawnSync(["nft", "list", "table", "inet", tableName(ten.dataDir)]);
        for (const port of [first, ...extra]) expect(table.stdout.toString()).not.toContain(port);
      }));
  },
);

describe.skipIf(!hasWalls || !isRoot || !existsSync("/usr/bin/python3"))('bind = "any"', () => {
  test.each([
    { who: "root", options: {} },
    // An ordinary user can't read all programs.
    {
      who: "an ordinary user",
      options: { user: USER, parent: "/opt", service: { read_paths: [ROOT] } },
    },
  ])("lets an instance of $who bind any port, and ten ps and ten doctor say so", ({ options }) =>
    withTen({ configText: ANY_PORT, ...options }, async (ten) => {
      await ten.must("spawn", "any:a", "port:b");
      expect(await ask(ten, "a.any", "/bind")).toBe("bound");
      expect(await ask(ten, "b.port", "/bind")).toBe("EACCES");
      const opened = "they can bind ports of the host that are meant for others";
      expect(await ten.must("ps")).toContain(`walls missing around 1 instance: ${opened}`);
      const { findings } = JSON.parse(await ten.must("doctor", "--json")) as {
        findings: { id: string; found: string }[];
      };
      expect(findings.find(({ id }) => id === "bind")?.found).toBe("any, for instances of any");
    }),
  );
});

describe.skipIf(!hasWalls || !isRoot || !existsSync("/usr/bin/python3") || isMissing(IPROUTE))(
  "an instance that listens on all addresses",
  () => {
    const EXPOSED = "listens on all addresses: other machines reach it past ten";
    const REFS = ["walled:a", "plain:a", "loopback:a"];

    async function openedTo(machines: TwoMachines, ten: Ten): Promise<readonly string[]> {
      const instances = await Promise.all(REFS.map((ref) => ten.instance(ref)));
      const ports = [...instances.map((instance) => instance?.port ?? 0), OWN_PORT];
      return await attemptAll(machines, { address: SERVER, control: ten.port, ports });
    }

    test.skipIf(isMissing(NFTABLES))("can't be reached from another machine", async () => {
      using machines = await openTwoMachines();
      const options = { prefix: machines.server, args: ["--bind", "0.0.0.0"] };
      await withTen({ configText: ALL_ADDRESSES, ...options }, async (ten) => {
        await ten.must("spawn", ...REFS);
        expect(await openedTo(machines, ten)).toEqual(["silent", "silent", "silent", "silent"]);
        expect(await ten.must("ps")).not.toContain("all addresses");
        await ten.must("restart-server");
        expect(await openedTo(machines, ten)).toEqual(["silent", "silent", "silent", "silent"]);
      });
    });

    test("is named where there is no firewall", async () => {
      using machines = await openTwoMachines();
      const prefix = [...machines.server, "setpriv", "--bounding-set", "-net_admin"];
      const options = { prefix, args: ["--bind", "0.0.0.0"] };
      await withTen({ configText: ALL_ADDRESSES, ...options }, async (ten) => {
        await ten.must("spawn", ...REFS);
        expect(await openedTo(machines, ten)).toEqual(["open", "open", "refused", "open"]);
        const warnings = REFS.map(async (ref) => (await ten.instance(ref))?.warnings);
        expect(await Promise.all(warnings)).toEqual([[EXPOSED], [EXPOSED], []]);
        expect(await ten.must("ps")).toContain(EXPOSED);
        const { findings } = JSON.parse(await ten.must("doctor", "--json")) as {
          findings: { id: string; found: string }[];
        };
        const found = findings.find(({ id }) => id === "server.exposed")?.found;
        expect(found).toBe("plain:a, walled:a listen on all addresses");
      });
    });
  },
);
