// Listening sockets, as the kernel reports them, against sockets of this process.
import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { listeningSockets, ownerOfConnection } from "../../../../src/platform/kernel/sock-diag.ts";

import { until } from "../../../support/until.ts";

const isLinux = process.platform === "linux";

function listen(hostname: string) {
  return Bun.listen({ hostname, port: 0, socket: { data: () => undefined } });
}

function ownSockets(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return [];
    }
  });
}

test.skipIf(!isLinux)("finds the socket that listens on a port, on IPv4 and on IPv6", () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const listener = listen(hostname);
    const sockets = listeningSockets(listener.port) ?? [];
    expect(sockets.map(({ user }) => user)).toEqual([process.geteuid?.() ?? -1]);
    expect(ownSockets()).toContain(`socket:[${sockets[0]?.inode}]`);
    listener.stop(true);
    expect(listeningSockets(listener.port)).toEqual([]);
  }
});

test.skipIf(!isLinux).each([
  ["127.0.0.1", false],
  ["::1", false],
  ["0.0.0.0", true],
  ["::", true],
])("knows whether a socket at %s listens on all addresses", (hostname, isWildcard) => {
  const listener = listen(hostname);
  expect(listeningSockets(listener.port)?.map((socket) => socket.isWildcard)).toEqual([isWildcard]);
  listener.stop(true);
});

test.skipIf(!isLinux)("finds every socket of a port that has several", () => {
  const one = listen("127.0.0.1");
  const options = { hostname: "127.0.0.2", port: one.port, socket: { data: () => undefined } };
  const other = Bun.listen(options);
  expect(listeningSockets(one.port)).toHaveLength(2);
  one.stop(true);
  other.stop(true);
});

test.skipIf(!isLinux).each([
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["::", "127.0.0.1"],
])("finds the user of a connection to a listener at %s, until it is closed", async (host, to) => {
  const listener = listen(host);
  const client = await Bun.connect({
    hostname: to,
    port: listener.port,
    socket: { data: () => undefined },
  });
  const ends = {
    from: { address: to, port: client.localPort },
    to: { address: to, port: listener.port },
  };
  const user = process.geteuid?.() ?? -1;
  expect(ownerOfConnection(ends)).toEqual({ kind: "user", user });
  expect(ownerOfConnection({ from: ends.from, to: { address: to, port: 1 } }).kind).toBe("none");
  client.terminate();
  await until("it is closed", () => ownerOfConnection(ends).kind === "none");
  listener.stop(true);
});
