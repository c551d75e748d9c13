// The ports of instances beside the first: extra ones, and those that an operator leaves to an application.
import { describe, expect, test } from "bun:test";
import { tableName } from "../../src/isolation/firewall/firewall-tables.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { BINDING_COMMAND } from "../support/tenants/command.ts";
import { isMissing, NFTABLES, PYTHON } from "../support/tool.ts";
import { wallSettings } from "../support/walls.ts";

const hasWalls = "read_paths" in wallSettings();
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const EXTRA_PORTS = `
[service.extra]
command = "${BINDING_COMMAND} {port1}"
isolation = "namespace"
extra_ports = 2
`;

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
