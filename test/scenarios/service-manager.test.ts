import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../bench/support.ts";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { executable } from "../support/executable.ts";
import { NotifySocket } from "../support/notify-socket.ts";
import { openPlace } from "../support/place.ts";
import { fetchReply } from "../support/request.ts";
import { withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { isMissing, SYSTEMD } from "../support/tool.ts";
import { until } from "../support/until.ts";

test.each(["a file", "an abstract name"])(
  "the server notifies its service manager of its state, at %s",
  async (kind) => {
    const directory = mkdtempSync(join(tmpdir(), "ten-"));
    const path = `${kind === "a file" ? "" : "@"}${directory}/notify`;
    using manager = new NotifySocket(path);
    await withTen({ configText: appConfig(), env: { NOTIFY_SOCKET: path } }, async (ten) => {
      expect(await manager.next()).toMatchObject({ READY: "1" });
      const restarted = ten.must("restart-server");
      expect(await manager.next()).toEqual({
        RELOADING: "1",
        MONOTONIC_USEC: expect.stringMatching(/^\d{6,}$/),
      });
      const told = await manager.next();
      await restarted;
      expect(told).toEqual({ MAINPID: String(ten.pid), READY: "1" });
      ten.reconfigure((text) => `${text}\nnonsense = 1\n`);
      expect((await ten.ten("restart-server")).exitCode).toBe(1);
      expect(await manager.next()).toMatchObject({ RELOADING: "1" });
      expect(await manager.next()).toEqual({ READY: "1" });
      await ten.stop();
      expect(await manager.next()).toEqual({ STOPPING: "1" });
    });
    rmSync(directory, { recursive: true });
  },
);

test.skipIf(isMissing(SYSTEMD))(
  "a server listens on sockets passed by its service manager",
  async () => {
    const place = openPlace({ configText: appConfig() });
    const port = freePort();
    const environment = { TENEMENT_CONFIG: place.configFile, TENEMENT_DATA_DIR: place.dataDir };
    const binary = await executable();
    const manager = Bun.spawn(
      [
        SYSTEMD.program,
        `--listen=127.0.0.1:${port}`,
        ...Object.entries({ ...environment, PATH: process.env["PATH"] }).map(
          ([name, value]) => `--setenv=${name}=${value}`,
        ),
        binary,
        "serve",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    try {
      const address = { port, host: "localhost", path: "/health" };
      // The first connection starts the server, and waits for it.
      const { text } = await until("it listens", () => fetchReply(address).catch(() => null));
      expect(text).toContain('"ok"');
      const { exitCode } = Bun.spawnSync([binary, "restart-server"], {
        env: { ...process.env, ...environment },
      });
      expect(exitCode).toBe(0);
      await manager.exited;
      expect((await fetchReply(address)).status).toBe(200);
    } finally {
      const pid = Number(await Bun.file(`${place.dataDir}/tenement.pid`).text());
      process.kill(pid, "SIGTERM");
      await until("it has stopped", () => startTimeOf(pid) === null);
      manager.kill("SIGKILL");
      place.remove();
    }
  },
);
