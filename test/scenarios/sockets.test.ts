// Unix sockets of tenants and of the server: nobody else's are taken for theirs, and their paths fit.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isRoot } from "../../src/platform/owner.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig, FORKING_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { isMissing, PYTHON } from "../support/tool.ts";
import { wallSettings } from "../support/walls.ts";

const ORDINARY_USER = 61_192;
const LABEL_MAX = "x".repeat(63);
const hasWalls = "read_paths" in wallSettings();

let place: string;

beforeAll(() => {
  place = mkdtempSync(join(realpathSync(tmpdir()), "ten-sockets-"));
});
afterAll(() => rmSync(place, { recursive: true }));

/** A service, `app`, whose tenants listen on their Unix sockets. */
function socketConfig({ keys = "", settings = "", restart = "never" } = {}): string {
  return `[settings]
${settings}
[service.app]
command = "${WALLED_COMMAND}"
isolation = "process"
restart = "${restart}"
${keys}
[service.app.env]
SOCKET = "1"
`;
}

function refuse(ten: Ten, ref: string, { reason, hint }: { reason: string; hint: string }) {
  const stderr = `error: Cannot start "${ref}": ${reason}\nhint: ${hint}\n`;
  return ten.ten("spawn", ref).then((result) => expect(result.stderr).toBe(stderr));
}

describe("at level process", () => {
  test("two servers with the same instance have a socket each", () =>
    withTen({ configText: socketConfig() }, (one) =>
      withTen({ configText: socketConfig() }, async (other) => {
        for (const ten of [one, other]) {
          await ten.must("spawn", "app:a");
          expect((await ten.instance("app:a"))?.socket).toBe(
            join(ten.dataDir, ".run", "app.a.sock"),
          );
        }
        for (const ten of [one, other]) {
          const { pid } = JSON.parse((await ten.get("a.app.localhost", "/facts")).text);
          expect(pid).toBe((await ten.instance("app:a"))?.pid);
        }
        await other.must("stop", "app:a");
        expect((await one.get("a.app.localhost", "/")).text).toBe("hello from a");
      }),
    ));

  test("two instances whose names form the same file name have a socket each", () => {
    const [first, second] = [
      socketConfig(),
      socketConfig().replaceAll("service.app", "service.app-a"),
    ];
    return withTen({ configText: first + second.replace("[settings]", "") }, async (ten) => {
      await ten.must("spawn", "app:a-b", "app-a:b");
      expect((await ten.get("a-b.app.localhost", "/")).text).toBe("hello from a-b");
      expect((await ten.get("b.app-a.localhost", "/")).text).toBe("hello from b");
    });
  });

  test("a socket that another program listens on is refused, and stays that program's", () => {
    const path = join(place, "taken", "a.sock");
    const configText = socketConfig({ keys: `socket = "${dirname(path)}/{id}.sock"` });
    mkdirSync(dirname(path), { mode: 0o700 });
    return withTen({ configText }, async (ten) => {
      const other = Bun.serve({ unix: path, fetch: () => new Response("other") });
      const reason = `another program is already listening on ${path}`;
      await refuse(ten, "app:a", {
        reason,
        hint: "End that program, or set socket in [service.app] to another path",
      });
      expect(await ten.must("why", "app:a")).toContain(reason);
      expect((await ten.get("a.app.localhost", "/")).status).toBe(503);
      expect(await (await fetch("http://x/", { unix: path })).text()).toBe("other");
      await other.stop(true);
      await ten.must("start", "app:a");
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
    });
  });

  test("a socket in a directory that others may write is refused", () => {
    const directory = join(place, "open");
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    return withTen(
      { configText: socketConfig({ keys: `socket = "${directory}/{id}.sock"` }) },
      (ten) =>
        refuse(ten, "app:a", {
          reason: `its socket's directory ${directory} is not safe: other users may write ${directory}`,
          hint: `chmod go-w ${directory}, or set socket in [service.app] to a path elsewhere, or leave it out`,
        }),
    );
  });

  test("a stranger's socket is never ready, and the reason is told", () => {
    const path = join(place, "stranger.sock");
    const keys = `socket = "${path}"\nstartup_timeout = 2`;
    const configText = socketConfig({ keys }).replace(WALLED_COMMAND, "sleep 1000");
    return withTen({ configText }, async (ten) => {
      const spawned = ten.ten("spawn", "app:a");
      await ten.untilState("app:a", "starting");
      await using _ = Bun.serve({ unix: path, fetch: () => new Response("stranger") });
      const found = `another program listens on ${path}`;
      expect((await spawned).stderr).toContain(found);
      expect(await ten.must("why", "app:a")).toContain(found);
    });
  });

  test("a socket that a stranger puts in the place of a running tenant's is unhealthy", () => {
    const path = join(place, "replaced.sock");
    const keys = `socket = "${path}"`;
    const settings = "health_check_interval = 1\nbackoff_base_ms = 60000";
    return withTen(
      { configText: socketConfig({ keys, settings, restart: "on-failure" }) },
      async (ten) => {
        await ten.must("spawn", "app:a");
        rmSync(path);
        await using _ = Bun.serve({ unix: path, fetch: () => new Response("stranger") });
        await ten.untilState("app:a", "waiting");
        const reason = `unhealthy: another program listens on ${path}`;
        expect(await ten.must("why", "app:a")).toContain(reason);
        await ten.must("stop", "app:a");
      },
    );
  });

  test.skipIf(isMissing(PYTHON))("a process that the tenant has forked may listen", () =>
    withTen(
      { configText: socketConfig().replace(WALLED_COMMAND, FORKING_COMMAND) },
      async (ten) => {
        await ten.must("spawn", "app:a");
        expect((await ten.get("a.app.localhost", "/")).text).toBe("fork");
        // The next server asks the process that it adopts in the same way.
        await ten.kill9();
        await ten.start();
        expect((await ten.get("a.app.localhost", "/")).text).toBe("fork");
      },
    ),
  );
});

describe("a path that is too long for a socket", () => {
  test("is refused before the start where it is configured, at every level", async () => {
    const socket = `/tmp/${"d".repeat(100)}/{id}.sock`;
    for (const isolation of hasWalls ? ["process", "namespace"] : ["process"]) {
      const configText = appConfig(`isolation = "${isolation}"\nsocket = "${socket}"`);
      await withTen({ configText, service: { restart: "never" } }, (ten) =>
        refuse(ten, "app:a", {
          reason: `its socket ${socket.replace("{id}", "a")} has 112 bytes, 107 are possible`,
          hint: "Set socket in [service.app] to a shorter path, or leave it out",
        }),
      );
    }
  });

  const ref = `${LABEL_MAX}:${LABEL_MAX}`;
  const host = `${LABEL_MAX}.${LABEL_MAX}.localhost`;
  const options = (keys: string, env: string, user?: number) => ({
    configText: `[service.${LABEL_MAX}]\ncommand = "${WALLED_COMMAND}"\n${keys}\n${env}`,
    parent: "/var/lib",
    // An ordinary user can't read them all.
    service: { read_paths: [ROOT] },
    ...(user !== undefined && { user }),
  });
  const ON_SOCKET = 'env = { SOCKET = "1" }';
  const PRIVATE = 'isolation = "namespace"\nnetwork = "private"';

  test.each([
    ["on a socket at level process", 'isolation = "process"', ON_SOCKET],
    ...(hasWalls
      ? [
          ["on a socket behind walls", 'isolation = "namespace"', ON_SOCKET],
          ["on a port of a private network", PRIVATE, ""],
          ["on a socket in a private network", PRIVATE, ON_SOCKET],
        ]
      : []),
  ])("does not come of the longest names, %s", async (_, keys = "", env = "") => {
    const users = isRoot() ? [undefined, ORDINARY_USER] : [undefined];
    for (const user of users) {
      await withTen(options(keys, env, user), async (ten) => {
        await ten.must("spawn", ref);
        expect((await ten.get(host, "/")).text).toBe(`hello from ${LABEL_MAX}`);
        await ten.kill9();
        await ten.start();
        expect((await ten.get(host, "/")).text).toBe(`hello from ${LABEL_MAX}`);
      });
    }
  });
});

test("the administrator's socket refuses proxies, also after a handover; tokens work as before", () =>
  withTen({ configText: appConfig() }, async (ten) => {
    const unix = join(ten.dataDir, "tenement.sock");
    const admin = (headers: Record<string, string>) =>
      fetch("http://ten/api/tokens", { unix, method: "POST", headers, keepalive: false });
    const outside = (token: string) =>
      ten.get("localhost", "/api/instances", {
        headers: { Authorization: `Bearer ${token}`, "X-Forwarded-For": "203.0.113.7" },
      });
    const expectAll = async () => {
      const refused = await admin({ "X-Forwarded-For": "203.0.113.7" });
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({
        code: "FORBIDDEN",
        hint: expect.stringContaining("token"),
      });
      expect((await outside((await ten.must("token-gen", "--quiet")).trim())).status).toBe(200);
    };
    await expectAll();
    await ten.must("restart-server");
    await expectAll();
  }));
