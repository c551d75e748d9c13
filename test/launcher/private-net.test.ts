// Private networks: nothing of the host's network is reachable, and the server connects by a Unix socket.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../bench/support.ts";
import { until } from "../support/until.ts";
import { openTenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

/** Unused on the host, so that an answer there could only be the tenant's. */
const PORT = freePort();
/** Echoes its input, and reports whether a server of the host can be reached. */
const APP = `
const host = await fetch("http://127.0.0.1:" + process.env.HOST_PORT).then(() => "open", () => "closed");
Bun.serve({ port: ${PORT}, hostname: "127.0.0.1", routes: {
  "/host": () => new Response(host),
  "/echo": async (request) => new Response(await request.bytes()),
} });
`;
/** Reports when no forwarder is left. */
const OWN_SOCKET_APP = `
import { readFileSync } from "node:fs";
Bun.serve({ unix: process.env.SOCKET_PATH, fetch: () => new Response() });
const isLeft = (name) => name !== "ten-forward\\n";
for (;;) {
  const names = [...new Bun.Glob("[0-9]*/comm").scanSync("/proc")].map((path) => {
    try { return readFileSync("/proc/" + path, "utf8"); } catch { return ""; }
  });
  if (names.every(isLeft)) break;
  await Bun.sleep(5);
}
console.log("the forwarder has left");
`;

/** Binds ports by number, as does a program that looks for a free one first. */
const BINDING_APP = `
const { port } = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
const bind = (hostname, port) => {
  try { Bun.listen({ hostname, port, socket: { data() {} } }).stop(true); return "bound"; }
  catch (error) { return error.code; }
};
console.log("ports: " + [bind("0.0.0.0", ${PORT}), bind("::", port + 1)].join(" "));
`;

describe.skipIf(isUnable())("a private network", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  test.each([...WALLED])("can be entered only by the socket at level %s", async (level) => {
    using tenant = openTenant(level, programs);
    await using host = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const app = join(tenant.directory("app"), "app.ts");
    writeFileSync(app, APP);
    const socket = join(tenant.directory("sockets"), "s");
    await using _launched = tenant.launch([programs.bun, app], {
      options: ["--read", join(app, ".."), "--private-net", "--forward", `${socket}:${PORT}`],
      env: { HOST_PORT: String(host.port) },
    });
    const ask = (path: string, init = {}) => fetch(`http://x${path}`, { unix: socket, ...init });
    // It listens once the application does.
    await until("the socket", () => existsSync(socket));
    const first = await until("an answer", () => ask("/host").catch(() => null));
    expect(await first.text()).toBe("closed");
    await expect(fetch(`http://127.0.0.1:${PORT}/host`)).rejects.toThrow();
    const body = new Uint8Array(5_000_000).map((_, at) => at % 251);
    const echoes = Array.from({ length: 20 }, () => ask("/echo", { method: "POST", body }));
    for (const echo of await Promise.all(echoes)) {
      expect(Bun.hash(await echo.bytes())).toBe(Bun.hash(body));
    }
  });

  test.each([...WALLED])("lets the application bind any port at level %s", async (level) => {
    using tenant = openTenant(level, programs);
    const app = join(tenant.directory("app"), "app.ts");
    writeFileSync(app, BINDING_APP);
    await using launched = tenant.launch([programs.bun, app], {
      options: ["--read", join(app, ".."), "--private-net"],
    });
    await launched.says("ports: bound bound");
  });

  test("keeps more connections open than the usual limit of descriptors", async () => {
    using tenant = openTenant("walls", programs);
    const app = join(tenant.directory("app"), "app.ts");
    writeFileSync(app, APP.replace("127.0.0.1", "::1"));
    const socket = join(tenant.directory("sockets"), "s");
    await using _launched = tenant.launch([programs.bun, app], {
      options: ["--read", join(app, ".."), "--private-net", "--forward", `${socket}:${PORT}`],
      env: { HOST_PORT: "1" },
      prefix: ["prlimit", "--nofile=1024:4096"],
    });
    const ask = () => fetch("http://x/echo", { unix: socket, method: "POST", body: "hi" });
    await until("an answer", () => ask().catch(() => null));
    const open = await Promise.all(
      Array.from({ length: 600 }, () =>
        Bun.connect({ unix: socket, socket: { data: () => undefined } }),
      ),
    );
    expect(await (await ask()).text()).toBe("hi");
    for (const connection of open) connection.terminate();
    expect(await (await ask()).text()).toBe("hi");
  });

  test("loses no connection when they arrive faster than the forwarder accepts them", async () => {
    using tenant = openTenant("walls", programs);
    const app = join(tenant.directory("app"), "app.ts");
    writeFileSync(app, APP);
    const socket = join(tenant.directory("sockets"), "s");
    await using _launched = tenant.launch([programs.bun, app], {
      options: ["--read", join(app, ".."), "--private-net", "--forward", `${socket}:${PORT}`],
      env: { HOST_PORT: "1" },
    });
    const ask = () =>
      fetch("http://x/echo", { unix: socket, method: "POST", body: "hi", keepalive: false });
    await until("an answer", () => ask().catch(() => null));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => (await ask()).text()),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, () => "hi"));
  });

  test("can be entered by a socket whose path is too long for a socket's address", async () => {
    using tenant = openTenant("walls", programs);
    const app = join(tenant.directory("app"), "app.ts");
    writeFileSync(app, APP);
    const deep = join(tenant.directory("sockets"), "x".repeat(120));
    mkdirSync(deep);
    const socket = join(deep, "entry");
    await using _launched = tenant.launch([programs.bun, app], {
      options: ["--read", join(app, ".."), "--private-net", "--forward", `${socket}:${PORT}`],
      env: { HOST_PORT: "1" },
    });
    const ask = () => fetch("http://x/host", { unix: socket }).catch(() => null);
    expect(await (await until("an answer", ask)).text()).toBe("closed");
  });

  describe("of a sandbox, whose first process the launcher is", () => {
    const prefix = ["unshare", "--kill-child", "--pid", "--fork", "--mount-proc"];

    test("can be entered by the socket", async () => {
      using tenant = openTenant("process", programs);
      const app = join(tenant.directory("app"), "app.ts");
      writeFileSync(app, APP);
      const socket = join(tenant.directory("sockets"), "s");
      await using _launched = tenant.launch([programs.bun, app], {
        prefix,
        options: ["--forward", `${socket}:${PORT}`],
        env: { HOST_PORT: "1" },
      });
      const ask = () => fetch("http://x/host", { unix: socket }).catch(() => null);
      expect(await (await until("an answer", ask)).text()).toBe("closed");
    });

    test("isn't forwarded for an application that listens on its own socket", async () => {
      using tenant = openTenant("process", programs);
      const app = join(tenant.directory("app"), "app.ts");
      writeFileSync(app, OWN_SOCKET_APP);
      const sockets = tenant.directory("sockets");
      await using launched = tenant.launch([programs.bun, app], {
        prefix,
        options: ["--forward", `${join(sockets, "forward")}:${freePort()}`],
        env: { SOCKET_PATH: join(sockets, "own") },
      });
      await launched.says("the forwarder has left");
    });
  });
});
