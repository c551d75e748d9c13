import { describe, expect, test } from "bun:test";
import { stringify } from "smol-toml";
import type { ReloadAnswer } from "../../src/control/wire/reload.ts";
import { executable } from "../support/executable.ts";
import { Load } from "../support/load.ts";
import { openPlace } from "../support/place.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { APP_COMMAND } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";
import { wallSettings } from "../support/walls.ts";

const service = (name: string, keys = "") =>
  `[service.${name}]\ncommand = "${APP_COMMAND}"\n${keys}\n`;
const hostOf = (name: string) => `alice.${name}.localhost`;

/** Of the process that the server watches. */
async function pidOf(ten: Ten, name: string): Promise<number | null> {
  return (await ten.instance(`${name}:alice`))?.pid ?? null;
}

async function reload(ten: Ten): Promise<ReloadAnswer> {
  return JSON.parse(await ten.must("reload", "--json"));
}

describe("ten reload", () => {
  test("under load fails no request and replaces only processes of changed services", () =>
    withTen({ configText: service("notes") + service("wiki") }, async (ten) => {
      await ten.must("spawn", "notes:alice", "wiki:alice");
      const [notes, wiki] = [await pidOf(ten, "notes"), await pidOf(ten, "wiki")];
      const hosts = [hostOf("notes"), hostOf("wiki")];
      await using load = new Load({ port: ten.port, hosts, perSecond: 500 });
      await load.more(250);
      ten.reconfigure((text) =>
        text.replace("[service.notes]", '[service.notes]\nenv = { COLOR = "blue" }'),
      );
      const answer = await reload(ten);
      await load.more(250);
      ten.reconfigure((text) =>
        text.replace("[service.notes]", "[service.notes]\nidle_timeout = 120"),
      );
      await reload(ten);
      await load.more(250);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(answer).toMatchObject({
        changed: [{ service: "notes", now: [], launch: ["env"], start: [] }],
        replaced: ["notes:alice"],
        failed: [],
      });
      expect((await ten.get(hostOf("notes"), "/env")).json()).toMatchObject({ COLOR: "blue" });
      expect(await pidOf(ten, "notes")).not.toBe(notes);
      expect(await pidOf(ten, "wiki")).toBe(wiki);
    }));

  test("keeps the connections and counters of an unchanged service", () =>
    withTen({ configText: service("notes") + service("wiki") }, async (ten) => {
      await ten.must("spawn", "notes:alice", "wiki:alice");
      await using socket = ten.webSocket(hostOf("wiki"), "/socket");
      await ten.get(hostOf("wiki"), "/");
      ten.reconfigure((text) =>
        text.replace("[service.notes]", "[service.notes]\nstop_timeout = 1"),
      );
      await reload(ten);
      socket.send("still there?");
      expect(await socket.next()).toBe("still there?");
      const { stdout } = await ten.ten("audit", "--json");
      expect(JSON.parse(stdout)[0]).toMatchObject({ action: "reload", outcome: "done" });
    }));

  test("refuses an invalid file as a whole and names all mistakes", () =>
    withTen({ configText: service("notes") }, async (ten) => {
      await ten.must("spawn", "notes:alice");
      const pid = await pidOf(ten, "notes");
      ten.reconfigure((text) =>
        text.replace(
          "[service.notes]",
          '[service.notes]\nidle_timout = 3\ncpu_shares = 0\nenv = { A = "1" }',
        ),
      );
      const { exitCode, stderr } = await ten.ten("reload");
      expect(exitCode).toBe(2);
      expect(stderr).toContain("idle_timout");
      expect(stderr).toContain("cpu_shares");
      expect(await pidOf(ten, "notes")).toBe(pid);
      expect((await ten.get(hostOf("notes"), "/env")).json()).not.toHaveProperty("A");
      expect((await ten.ten("reload", "--dry-run")).exitCode).toBe(2);
    }));

  test("keeps the old process when the new one fails to start, and says so", () =>
    withTen({ configText: service("notes") }, async (ten) => {
      await ten.must("spawn", "notes:alice");
      const pid = await pidOf(ten, "notes");
      ten.reconfigure((text) => text.replace(/command = .*/, 'command = "false"'));
      const { exitCode, stdout, stderr } = await ten.ten("reload");
      expect(exitCode).toBe(1);
      expect(stdout).toContain("failed notes:alice: ");
      expect(stderr).toContain("Cannot apply all changes: 1 failed");
      expect((await ten.get(hostOf("notes"), "/")).text).toBe("hello from alice");
      expect(await pidOf(ten, "notes")).toBe(pid);
      ten.reconfigure((text) => text.replace(/command = .*/, `command = "${APP_COMMAND}"`));
      expect(await ten.must("reload")).toBe("service notes changed, with new processes: command\n");
      expect(await pidOf(ten, "notes")).toBe(pid);
    }));

  test("changes nothing with --dry-run and prints the plan", () =>
    withTen({ configText: service("notes") }, async (ten) => {
      await ten.must("spawn", "notes:alice");
      const pid = await pidOf(ten, "notes");
      ten.reconfigure(
        (text) =>
          `${text.replace("[service.notes]", '[service.notes]\nenv = { A = "1" }')}\n${service("wiki")}\n[settings.tls]\nhttps_port = 8443\n`,
      );
      const plan = await ten.must("reload", "--dry-run");
      expect(plan.split("\n")).toEqual([
        "service wiki added",
        "service notes changed, with new processes: env",
        "tls.https_port needs: ten restart-server",
        "",
      ]);
      expect(await pidOf(ten, "notes")).toBe(pid);
      expect((await ten.get(hostOf("wiki"), "/")).status).toBe(404);
      expect((await ten.must("reload")).split("\n")).toContain(
        "instance notes:alice has a new process",
      );
      expect(await ten.must("reload")).toBe("tls.https_port needs: ten restart-server\n");
    }));

  test("stops a removed service, and restores its data when the service returns", () =>
    withTen({ configText: service("notes", "idle_timeout = 0") }, async (ten) => {
      await ten.must("spawn", "notes:alice", "--weight", "30");
      await ten.get(hostOf("notes"), "/write", { method: "POST", body: "kept" });
      const pid = await pidOf(ten, "notes");
      let before = "";
      ten.reconfigure((text) => {
        before = text;
        return "";
      });
      expect(await ten.must("reload")).toContain("service notes removed");
      expect((await ten.get(hostOf("notes"), "/")).status).toBe(404);
      expect(() => process.kill(pid ?? 0, 0)).toThrow();
      expect(await ten.instance("notes:alice")).toBeNull();
      ten.reconfigure(() => before);
      await ten.must("reload");
      const again = await ten.untilState("notes:alice", "running");
      expect(again.weight).toBe(30);
      expect((await ten.get(hostOf("notes"), "/journal")).text).toContain("kept");
    }));

  test("replaces processes that an earlier server launched with another configuration", () =>
    withTen({ configText: service("notes") }, async (ten) => {
      await ten.must("spawn", "notes:alice");
      const pid = await pidOf(ten, "notes");
      ten.reconfigure((text) =>
        text.replace("[service.notes]", '[service.notes]\nenv = { COLOR = "blue" }'),
      );
      await ten.must("restart-server");
      expect(await pidOf(ten, "notes")).toBe(pid);
      expect(await ten.must("ps")).toContain("its configuration has changed since it started");
      expect(await ten.must("reload")).toBe("instance notes:alice has a new process\n");
      expect((await ten.get(hostOf("notes"), "/env")).json()).toMatchObject({ COLOR: "blue" });
      expect(await ten.must("ps")).not.toContain("has changed");
    }));

  test("starts newly listed instances and retries failed ones", () =>
    withTen(
      { configText: service("notes", 'env = { MODE = "1" }\nrestart = "never"') },
      async (ten) => {
        ten.reconfigure((text) => text.replace(/command = .*/, 'command = "false"'));
        await ten.must("reload");
        expect((await ten.ten("spawn", "notes:alice")).exitCode).toBe(1);
        await ten.untilState("notes:alice", "failed");
        ten.reconfigure(
          (text) =>
            `${text.replace(/command = .*/, `command = "${APP_COMMAND}"`)}\n[instances]\nnotes = ["bob"]\n`,
        );
        expect(await ten.must("reload")).toContain("instance notes:bob is started");
        for (const name of ["notes:alice", "notes:bob"]) await ten.untilState(name, "running");
      },
    ));
});

describe("SIGHUP", () => {
  test("reloads and logs the result", () =>
    withTen({ configText: service("notes") }, async (ten) => {
      const wiki = { command: APP_COMMAND, ...wallSettings() };
      ten.reconfigure((text) => text + stringify({ service: { wiki } }));
      process.kill(ten.pid, "SIGHUP");
      await until("it says so", () => ten.output.includes("service wiki added"));
      expect((await ten.ten("spawn", "wiki:alice")).exitCode).toBe(0);
      ten.reconfigure((text) => `${text}\n[service.wiki2]\ncomand = "x"\n`);
      process.kill(ten.pid, "SIGHUP");
      await until("it says so", () => ten.output.includes("has not changed"));
      expect(ten.output).toContain("service.wiki2.comand");
      expect((await ten.get(hostOf("wiki"), "/")).status).toBe(200);
    }));

  test("of a terminal that closes ends the server, as its owner expects", async () => {
    const place = openPlace({ configText: service("notes") });
    const listening = Promise.withResolvers<void>();
    let output = "";
    const server = Bun.spawn([await executable(), "serve", "--port", "0"], {
      cwd: place.root,
      env: {
        PATH: process.env["PATH"],
        TENEMENT_CONFIG: place.configFile,
        TENEMENT_DATA_DIR: place.dataDir,
      },
      terminal: {
        data: (_, bytes) => {
          output += new TextDecoder().decode(bytes);
          if (output.includes("Control socket")) listening.resolve();
        },
      },
    });
    await listening.promise;
    server.terminal?.close();
    expect(await server.exited).toBe(0);
    place.remove();
  });
});
