import { expect, test } from "bun:test";
import { createConnection, createServer, type Socket } from "node:net";
import type { StatefulConnection } from "../../../../src/proxy/client/connection-state.ts";
import { Inbox } from "../../../../src/proxy/client/inbox.ts";
import { Lingering } from "../../../../src/proxy/client/lingering.ts";
import { Tunnel } from "../../../../src/proxy/client/tunnel.ts";
import type { Upstream } from "../../../../src/proxy/upstream/upstream.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { Wire } from "../wire.ts";

const SIZE = 24 * 1024 * 1024;

/** A client that reads nothing yet, and the server's socket, which holds more for it than the system takes. */
async function slowReader(): Promise<{ socket: Socket; client: Wire } & Disposable> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const { port } = server.address() as { port: number };
  const client = new Wire(createConnection({ host: "127.0.0.1", port, allowHalfOpen: true }));
  client.socket.pause();
  const socket = await accepted;
  socket.write(Buffer.alloc(SIZE));
  expect(socket.writableLength).toBeGreaterThan(0);
  const dispose = () => {
    for (const each of [socket, client.socket]) each.destroy();
    server.close();
  };
  return { socket, client, [Symbol.dispose]: dispose };
}

test("a closing connection lasts while its client takes the rest of a long answer", async () => {
  using reader = await slowReader();
  const clock = new FakeClock();
  const connection = { socket: reader.socket, inbox: new Inbox(), context: { clock } };
  const lingering = new Lingering(connection as unknown as StatefulConnection);
  lingering.sweep(clock.now() + 59_000);
  reader.client.socket.resume();
  expect((await reader.client.untilEnd()).length).toBe(SIZE);
});

test("a closing connection is cut when its client takes nothing for a minute", async () => {
  using reader = await slowReader();
  const clock = new FakeClock();
  const connection = { socket: reader.socket, inbox: new Inbox(), context: { clock } };
  const lingering = new Lingering(connection as unknown as StatefulConnection);
  lingering.sweep(clock.now() + 60_000);
  expect(reader.socket.destroyed).toBe(true);
});

test("a tunnel whose tenant has ended lasts while its client takes the rest", async () => {
  using reader = await slowReader();
  const clock = new FakeClock();
  const noop = () => undefined;
  const upstream = { tunnel: noop, resume: noop, destroy: noop } as unknown as Upstream;
  const tunnel = new Tunnel({ socket: reader.socket, upstream, lease: null, clock });
  tunnel.onTenantEnd();
  tunnel.sweep(clock.now() + 10_000);
  reader.client.socket.resume();
  expect((await reader.client.untilEnd()).length).toBe(SIZE);
});
