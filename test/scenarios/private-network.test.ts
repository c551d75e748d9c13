// network = "private" with the whole server: the tenant is isolated from the host's network, and the proxy works.
import { describe, expect, test } from "bun:test";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig, BINDING_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { isMissing, PYTHON } from "../support/tool.ts";
import { wallSettings } from "../support/walls.ts";

const hasWalls = "read_paths" in wallSettings();
const KEYS = 'isolation = "namespace"\nnetwork = "private"\n';
const walledConfig = `
[service.port]
command = "${WALLED_COMMAND}"
${KEYS}
[service.socket]
command = "${WALLED_COMMAND}"
env = { SOCKET = "1" }
${KEYS}`;

const BINDING_CONFIG = `
[service.binding]
command = "${BINDING_COMMAND}"
${KEYS}
[service.open]
command = "${BINDING_COMMAND}"
isolation = "namespace"
`;

async function reach(ten: Ten, host: string, port: number | null | undefined): Promise<string> {
  return (await ten.get(host, `/reach?port=${port}`)).text;
}

describe.skipIf(!hasWalls)("a tenant in a network of its own", () => {
  test("can be reached on its port or its socket, and reaches nothing of the host", () =>
    withTen({ configText: walledConfig }, async (ten) => {
      await using host = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      await ten.must("spawn", "port:a", "port:b", "socket:a");
      const [a, b] = [await ten.instance("port:a"), await ten.instance("port:b")];
      expect((await ten.get("a.port.localhost", "/")).text).toBe("hello from a");
      expect((await ten.get("a.socket.localhost", "/")).text).toBe("hello from a");
      expect(await reach(ten, "a.port.localhost", a?.port)).toBe("connected");
      for (const port of [b?.port, host.port, ten.port]) {
        expect(await reach(ten, "a.port.localhost", port)).toBe("refused");
        expect(await reach(ten, "a.socket.localhost", port)).toBe("refused");
      }
      // Nothing listens on the same port of the host.
      expect(await fetch(`http://127.0.0.1:${a?.port}/`).catch(() => "refused")).toBe("refused");
      expect(a?.gaps).toEqual([]);
      const interfaces = await ten.get("a.port.localhost", "/look?path=/proc/net/dev");
      expect(interfaces.text.match(/^ *\w+(?=:)/gm)?.map((name) => name.trim())).toEqual(["lo"]);
    }));

  test.skipIf(isMissing(PYTHON))("finds a free port and binds it, or any other", () =>
    withTen({ configText: BINDING_CONFIG }, async (ten) => {
      await ten.must("spawn", "binding:a", "binding:b", "open:a");
      const b = await ten.instance("binding:b");
      for (const query of ["", `?port=${b?.port}`, `?port=${ten.port}`, "?port=5000"]) {
        expect((await ten.get("a.binding.localhost", `/bind${query}`)).text).toBe("bound");
      }
      expect((await ten.get("a.open.localhost", "/bind")).text).toBe("EACCES");
    }),
  );

  test("answers health checks, sleeps when idle but not while a WebSocket is open, and wakes", () =>
    withTen({ configText: appConfig(`${KEYS}health = "/"\nidle_timeout = 1`) }, async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      await using socket = ten.webSocket("a.app.localhost", "/socket");
      await ten.untilState("app:b", "asleep");
      socket.send("still here");
      expect(await socket.next()).toBe("still here");
      expect((await ten.instance("app:a"))?.health).toBe("healthy");
      socket.close();
      await ten.untilState("app:a", "asleep");
      const body = "x".repeat(1_000_000);
      await ten.get("a.app.localhost", "/write", { method: "POST", body });
      expect((await ten.get("a.app.localhost", "/journal")).text).toBe(`stopped\n${body}\n`);
    }));

  test("sleeps although a WebSocket is open that has been idle, which closes it", () => {
    const keys = `${KEYS}idle_timeout = 0.5\nidle_websocket_timeout = 0.5`;
    return withTen({ configText: appConfig(keys) }, async (ten) => {
      await ten.must("spawn", "app:a");
      await using socket = ten.webSocket("a.app.localhost", "/socket");
      socket.send("hello");
      expect(await socket.next()).toBe("hello");
      await ten.untilState("app:a", "asleep");
      await socket.closed();
    });
  });

  test("outlives a killed server, but not a change of its network", () =>
    withTen({ configText: appConfig(KEYS) }, async (ten) => {
      await ten.must("spawn", "app:a");
      const before = await ten.instance("app:a");
      await ten.kill9();
      await ten.start();
      expect((await ten.instance("app:a"))?.pid).toBe(before?.pid ?? 0);
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
      await ten.kill9();
      ten.reconfigure((text) => text.replace('"private"', '"host"'));
      await ten.start();
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
      expect((await ten.instance("app:a"))?.pid).not.toBe(before?.pid ?? 0);
    }));
});
