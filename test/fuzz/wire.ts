// The fuzzer of the proxy: mutated requests of clients and mutated answers of tenants, beside an honest pair.
import { equal, ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { settle } from "../support/fake-clock.ts";
import { type Random, randomFrom } from "../support/random.ts";
import { until } from "../support/until.ts";
import { ProxyWorld } from "../unit/proxy/proxy-world.ts";
import { RawTenant, type Wire } from "../unit/proxy/wire.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { cut, mutate } from "./mutate.ts";

const CLIENTS = 12;
const HONEST_REQUESTS = 4;
/** More than any timeout of the proxy, in steps that let sockets work. */
const STEP_MS = 2000;
/** Descriptors that a few rounds may still be closing. */
const DESCRIPTORS_SLACK = 64;

const FOES = ["alice", "bob"] as const;
type Foe = (typeof FOES)[number];

const REQUESTS: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: H\r\n\r\n",
  "HEAD /x?y=z HTTP/1.1\r\nHost: H\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n",
  "POST /form HTTP/1.1\r\nHost: H\r\nContent-Length: 11\r\n\r\nhello=world",
  "PUT /c HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nxyz\r\n0\r\nT: v\r\n\r\n",
  "POST /e HTTP/1.1\r\nHost: H\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
  "GET /ws HTTP/1.1\r\nHost: H\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nframes",
  "GET http://H/abs HTTP/1.1\r\nHost: H\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: H\r\nConnection: close\r\n\r\n",
  "GET / HTTP/1.0\r\nHost: H\r\nConnection: keep-alive\r\n\r\n",
];

const ANSWERS: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfrom-F",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n6\r\nfrom-F\r\n0\r\nT: v\r\n\r\n",
  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfrom-F until the end",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfrom-F",
  "HTTP/1.1 103 Early Hints\r\nLink: F\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nfrom-F",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom-F",
  "HTTP/1.1 204 No Content\r\nX: from-F\r\n\r\n",
  "HTTP/1.1 304 Not Modified\r\nETag: from-F\r\n\r\n",
  "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
];

class WireFuzzer implements Fuzzer {
  /** The statuses that clients have got. */
  readonly reached = new Set<string>();
  #descriptors = 0;

  async round(random: Random): Promise<number> {
    await using field = await Field.open(random);
    const asked = Array.from({ length: CLIENTS }, () => field.attack());
    await Promise.all([field.beHonest(), ...asked]);
    for (const status of field.statuses()) this.reached.add(status);
    await field.end();
    await this.#checkDescriptors();
    return CLIENTS;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  async #checkDescriptors(): Promise<void> {
    const count = () => readdirSync("/proc/self/fd").length;
    if (this.#descriptors === 0) this.#descriptors = count() + DESCRIPTORS_SLACK;
    await until("the descriptors of the rounds are closed", () => count() <= this.#descriptors);
  }
}

export const openWireFuzzer = async (): Promise<Fuzzer> => new WireFuzzer();

/** A proxy with two tenants and their clients at random, and an honest tenant with an honest client. */
class Field implements AsyncDisposable {
  readonly #world: ProxyWorld;
  readonly #random: Random;
  readonly #foes: readonly RawTenant[];
  readonly #clients: { readonly wire: Wire; readonly other: Foe }[] = [];

  private constructor(world: ProxyWorld, random: Random, foes: readonly RawTenant[]) {
    this.#world = world;
    this.#random = random;
    this.#foes = foes;
  }

  static async open(random: Random): Promise<Field> {
    const trustedProxies = random.below(2) === 0 ? ["127.0.0.1"] : [];
    const world = await ProxyWorld.open({ trustedProxies });
    const foes = await Promise.all(FOES.map(() => RawTenant.open()));
    const field = new Field(world, random, foes);
    const { gateway } = world;
    gateway.requestTimeoutMs = random.pick([0, 30_000]);
    gateway.decide = ({ hostname }) => {
      const id = /^(alice|bob|carol)\.notes\.test$/.exec(hostname)?.[1];
      return id === undefined
        ? { kind: "unknown" }
        : { kind: "instance", ref: { service: "notes", id } };
    };
    gateway.run("notes:carol", world.tenant.endpoint);
    for (const [index, foe] of foes.entries()) {
      gateway.run(`notes:${FOES[index]}`, foe.endpoint);
      void field.#misbehave(foe, FOES[index] ?? "alice");
    }
    void answerHonestly(world.tenant);
    return field;
  }

  /** A client of one tenant sends some mutated requests in pieces, and then ends in one way or another. */
  async attack(): Promise<void> {
    const random = randomFrom(this.#random.below(2 ** 32));
    const foe = random.pick(FOES);
    const wire = await this.#world.client();
    this.#clients.push({ wire, other: foe === "alice" ? "bob" : "alice" });
    const requests = Array.from({ length: 1 + random.below(3) }, () => random.pick(REQUESTS));
    const text = requests.join("").replaceAll("H\r\n", `${foe}.notes.test\r\n`);
    await send(wire, cut(mutate(text, random), random));
    switch (random.below(4)) {
      case 0:
        wire.socket.end();
        break;
      case 1:
        wire.socket.destroy();
        break;
      default:
        await settle();
    }
  }

  /** Checks every byte of the answers of an honest tenant. */
  async beHonest(): Promise<void> {
    const client = await this.#world.client();
    for (let number = 0; number < HONEST_REQUESTS; number += 1) {
      client.send(
        `POST /${number} HTTP/1.1\r\nHost: carol.notes.test\r\nContent-Length: 2\r\n\r\nhi`,
      );
      const head = await client.head();
      ok(head.startsWith("HTTP/1.1 200 OK\r\n"), head);
      equal(await client.bytes(8), `carol ${number} `);
      equal(client.received, "");
    }
  }

  statuses(): readonly string[] {
    return this.#clients.flatMap(({ wire }) =>
      [...wire.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = ""]) => status),
    );
  }

  /** No client has another tenant's answer, and no request outlasts its client. */
  async end(): Promise<void> {
    for (const { wire, other } of this.#clients) {
      ok(!wire.received.includes(`from-${other}`), `an answer of ${other}: ${wire.received}`);
      wire.socket.destroy();
    }
    const { clock, gateway } = this.#world;
    await until("every lease is released", async () => {
      await clock.advance(STEP_MS);
      return gateway.openLeases === 0;
    });
    await this.beHonest();
  }

  /** Resolves when the proxy has no connection left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const foe of this.#foes) foe.close();
    await this.#world[Symbol.asyncDispose]();
  }

  /** Answers all that looks like a request by a mutated answer. */
  async #misbehave(foe: RawTenant, name: Foe): Promise<void> {
    for (;;) {
      const wire = await foe.connection();
      void this.#converse(wire, name).catch(() => wire.socket.destroy());
    }
  }

  async #converse(wire: Wire, name: Foe): Promise<void> {
    const random = randomFrom(this.#random.below(2 ** 32));
    for (;;) {
      await wire.head();
      const answer = random.pick(ANSWERS).replaceAll("F", name);
      await send(wire, cut(mutate(answer, random), random));
      const end = random.below(8);
      if (end === 0) wire.socket.end();
      else if (end === 1) wire.socket.destroy();
      else if (end === 2) wire.socket.resetAndDestroy();
    }
  }
}

async function answerHonestly(tenant: RawTenant): Promise<void> {
  for (;;) {
    const wire = await tenant.connection();
    void (async () => {
      for (;;) {
        const number = /^POST \/(\d)/.exec(await wire.head())?.[1];
        await wire.bytes(2);
        wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ncarol ${number} `);
      }
    })().catch(() => wire.socket.destroy());
  }
}

async function send(wire: Wire, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (wire.closed || wire.socket.destroyed) return;
    wire.send(piece);
    await settle();
  }
}
