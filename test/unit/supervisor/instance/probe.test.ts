import { expect, test } from "bun:test";
import { join } from "node:path";
import { socketProber } from "../../../../src/supervisor/instance/probe.ts";

const HOST = "alice.notes.test";

test("the probe reports an endpoint that nothing listens on", async () => {
  const endpoints = [
    { kind: "unix", path: "/nowhere.sock" },
    { kind: "tcp", host: "127.0.0.1", port: 1 },
  ] as const;
  expect(await socketProber({ endpoints, health: null, host: HOST })).toEqual({
    kind: "unready",
    reason: "nothing listens on /nowhere.sock or 127.0.0.1:1",
  });
});

test("the probe says nothing of a tenant that it has no descriptor to ask", async () => {
  using listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => undefined },
  });
  const program = join(import.meta.dir, "probe-without-descriptors.ts");
  const command = [process.execPath, program, String(listener.port)];
  const child = Bun.spawn(["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", ...command], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(JSON.parse(await child.stdout.text())).toEqual([
    { kind: "unasked" },
    { kind: "ready", endpoint: { kind: "tcp", host: "127.0.0.1", port: listener.port } },
  ]);
});
