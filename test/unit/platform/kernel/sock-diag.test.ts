// Listening sockets, as the kernel reports them, against sockets of this process.
import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { listeningSockets } from "../../../../src/platform/kernel/sock-diag.ts";

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

test.skipIf(!isLinux)("finds every socket of a port that has several", () => {
  const one = listen("127.0.0.1");
  const options = { hostname: "127.0.0.2", port: one.port, socket: { data: () => undefined } };
  const other = Bun.listen(options);
  expect(listeningSockets(one.port)).toHaveLength(2);
  one.stop(true);
  other.stop(true);
});
