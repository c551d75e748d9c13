import { afterEach, beforeEach, expect, test } from "bun:test";
import { Agent, type IncomingMessage, request } from "node:http";
import { TenError } from "../../../../src/core/errors.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { ControlWorld } from "../fakes.ts";

const SERVERS = { old: { version: "1.2.3", pid: 1 }, new: { version: "1.2.4", pid: 2 } };
const POST = { method: "POST" };

let world: ControlWorld;
let clock: FakeClock;

beforeEach(async () => {
  clock = new FakeClock();
  world = await ControlWorld.open(clock);
  world.administration.add("notes:alice");
});

afterEach(() => world[Symbol.asyncDispose]());

test("answers with the old and the new server, and records the restart", async () => {
  expect(await world.client().call("restartServer")).toEqual(SERVERS);
  expect(world.trail).toEqual(["socket restart-server server done"]);
});

test("reports why no new server could start", async () => {
  world.restart = async () => {
    throw new TenError("FAILED", "Cannot start the new server: it ended with 7", { hint: "Look" });
  };
  const response = await world.ask("/api/server/restart", POST);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: "FAILED", hint: "Look" });
});

test("is permitted to administrators only", async () => {
  const token = world.token("alice");
  expect((await world.askOutside("/api/server/restart", { ...POST, token })).status).toBe(403);
  expect((await world.askOutside("/api/server/restart", POST)).status).toBe(401);
});

/** Sends a request over a connection that the old server keeps alive. */
class KeptAlive {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async ask(path: string, { method = "GET", body = "" } = {}): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { agent: this.#agent, socketPath: this.#socketPath, path, method };
    const headers = { Host: "localhost", "Content-Type": "application/json" };
    request({ ...options, headers }, resolve)
      .on("error", reject)
      .end(body);
    const response = await promise;
    let text = "";
    for await (const piece of response) text += piece;
    return `${response.statusCode} ${text}`;
  }

  close(): void {
    this.#agent.destroy();
  }
}

test("requests during a handover wait for the next server, which answers them with their bodies", async () => {
  const former = world.server;
  const kept = new KeptAlive(former.adminSocket);
  await kept.ask("/health");
  const serves = Promise.withResolvers<void>();
  await former.forwardTo(serves.promise);
  await world.start();
  const weighed = kept.ask("/api/instances/notes:alice/weight?", {
    method: "PUT",
    body: JSON.stringify({ weight: 7 }),
  });
  // The later request, at the next server, is answered first.
  expect((await world.ask("/health")).status).toBe(200);
  expect(world.administration.orders).toEqual([]);
  serves.resolve();
  expect(await weighed).toBe('200 {"instance":"notes:alice","weight":7}');
  expect(await kept.ask("/api/nothing?x=1")).toStartWith("404 ");
  expect(world.trail).toEqual(["socket weight notes:alice done"]);
  kept.close();
  await former.close();
});

test("orders in progress are finished before, and event streams end", async () => {
  const stopping = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const stop = world.administration.stop.bind(world.administration);
  world.administration.stop = async (ref) => {
    begun.resolve();
    await stopping.promise;
    return stop(ref);
  };
  const passedOn = Promise.withResolvers<void>();
  world.restart = async () => {
    await world.server.forwardTo(new Promise(() => undefined));
    passedOn.resolve();
    return SERVERS;
  };
  const stream = await world.ask("/api/logs/stream");
  const stopped = world.ask("/api/instances/notes:alice/stop", POST);
  await begun.promise;
  const restarted = world.ask("/api/server/restart", POST);
  expect(await stream.text()).toContain(": open");
  let isPassedOn = false;
  void passedOn.promise.then(() => {
    isPassedOn = true;
  });
  await clock.advance(9000);
  expect(isPassedOn).toBe(false);
  stopping.resolve();
  expect(await (await stopped).json()).toMatchObject({ state: "stopped" });
  expect(await (await restarted).json()).toEqual(SERVERS);
});

test("an order that takes too long is cut off with an error", async () => {
  const begun = Promise.withResolvers<void>();
  const stopping = Promise.withResolvers<never>();
  world.administration.stop = () => {
    begun.resolve();
    return stopping.promise;
  };
  const waits = Promise.withResolvers<void>();
  world.restart = async () => {
    const passedOn = world.server.forwardTo(Promise.resolve());
    waits.resolve();
    await passedOn;
    return SERVERS;
  };
  const stopped = world.ask("/api/instances/notes:alice/stop", POST);
  await begun.promise;
  const restarted = world.ask("/api/server/restart", POST);
  await waits.promise;
  await clock.advance(10_000);
  expect(await (await restarted).json()).toEqual(SERVERS);
  expect((await stopped).status).toBe(503);
  expect(await (await stopped).json()).toMatchObject({ code: "INSTANCE_UNAVAILABLE" });
  stopping.reject(new TenError("FAILED", "Cannot stop"));
});
