// A proxy between clients and a tenant, with a fake gateway and a fake clock.
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectionFate } from "../../../src/metrics/statistics.ts";
import type { ExchangeRecord } from "../../../src/proxy/exchange/outcome.ts";
import type { ProxySettings } from "../../../src/proxy/limits.ts";
import { openProxy, type Proxy as PublicProxy } from "../../../src/proxy/listener.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { RawTenant, Wire } from "./wire.ts";

export const NO_LIMITS: ProxySettings = {
  trustedProxies: [],
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
  bufferLimitBytes: null,
};

interface Options extends Partial<ProxySettings> {
  readonly asleep?: boolean;
}

export class ProxyWorld implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly gateway = new FakeGateway();
  readonly records: ExchangeRecord[] = [];
  /** Users of this host. */
  readonly tenants = new Set<number>();
  readonly fates: ConnectionFate[] = [];
  readonly tenant: RawTenant;
  proxy!: PublicProxy;
  readonly #clients: Wire[] = [];

  private constructor(tenant: RawTenant) {
    this.tenant = tenant;
  }

  /** Unless asleep, `notes:alice` runs at `tenant`. */
  static async open({ asleep = false, ...settings }: Options = {}): Promise<ProxyWorld> {
    const world = new ProxyWorld(await RawTenant.open());
    if (!asleep) world.gateway.run("notes:alice", world.tenant.endpoint);
    world.proxy = await openProxy({
      gateway: world.gateway,
      control: world.tenant.endpoint,
      clock: world.clock,
      settings: { ...NO_LIMITS, ...settings },
      isTenant: (user) => world.tenants.has(user),
      observe: (record) => world.records.push(record),
      observeConnection: (fate) => world.fates.push(fate),
      listen: { kind: "address", hosts: ["127.0.0.1"], port: 0 },
    });
    return world;
  }

  async client(): Promise<Wire> {
    const socket = createConnection({
      host: "127.0.0.1",
      port: this.proxy.port,
      allowHalfOpen: true,
    });
    const wire = new Wire(socket);
    this.#clients.push(wire);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return wire;
  }

  /** Sends a request from a new client; resolves once the tenant has its head. */
  async request(latin1: string): Promise<{ client: Wire; tenant: Wire; head: string }> {
    const client = await this.client();
    client.send(latin1);
    const tenant = await this.tenant.connection();
    return { client, tenant, head: await tenant.head() };
  }

  /** Two requests over one connection, after which the tenant is known to keep its connections. */
  async proveKeepAlive(): Promise<{ client: Wire; tenant: Wire }> {
    const { client, tenant } = await this.request(GET);
    tenant.send(EMPTY);
    await client.head();
    client.send(GET);
    await tenant.head();
    tenant.send(EMPTY);
    await client.head();
    return { client, tenant };
  }

  /** Turns every event loop involved, counted by round trips, so that what should not happen has time to happen. */
  async turns(count = 100): Promise<void> {
    const target = this.gateway.target;
    this.gateway.target = { kind: "unknown" };
    const client = await this.client();
    for (let turn = 0; turn < count; turn += 1) {
      client.send(GET);
      await client.take("}\n");
    }
    client.socket.destroy();
    this.gateway.target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#clients) socket.destroy();
    this.proxy.abort();
    this.tenant.close();
    await this.proxy.close();
  }
}

const EMPTY = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

export const GET = "GET / HTTP/1.1\r\nHost: alice.notes.test\r\n\r\n";

export function withTempDirectory(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "ten-proxy-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
