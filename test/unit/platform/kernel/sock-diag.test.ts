// Listening sockets, as the kernel reports them, against sockets of this process.
import { expect, test } from "bun:test";
import { hasSocket, listeningSockets } from "../../../../src/platform/kernel/sock-diag.ts";

const isLinux = process.platform === "linux";

function listen(hostname: string) {
  return Bun.listen({ hostname, port: 0, socket: { data: () => undefined } });
}

test.skipIf(!isLinux)("finds the socket that listens on a port, on IPv4 and on IPv6", () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const listener = listen(hostname);
    const sockets = listeningSockets(listener.port) ?? new Set();
    expect(sockets.size).toBe(1);
    expect(hasSocket(process.pid, sockets)).toBe(true);
    listener.stop(true);
    expect(listeningSockets(listener.port)).toEqual(new Set());
  }
});

test.skipIf(!isLinux)("finds every socket of a port that has several", () => {
  const one = listen("127.0.0.1");
  const options = { hostname: "127.0.0.2", port: one.port, socket: { data: () => undefined } };
  const other = Bun.listen(options);
  expect(listeningSockets(one.port)?.size).toBe(2);
  one.stop(true);
  other.stop(true);
});

test("a process that has ended has no socket", () => {
  expect(hasSocket(2 ** 22 + 1, new Set(["socket:[1]"]))).toBe(false);
});
