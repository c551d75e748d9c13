import { expect, test } from "bun:test";
import { type Share, Turns, type Worker } from "../../../src/proxy/turns.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { ProxyWorld } from "./proxy-world.ts";

/** Works in steps of one byte, and notes each in the log. */
class Steps implements Worker {
  left: number;
  readonly #name: string;
  readonly #log: string[];

  constructor(name: string, log: string[], left: number) {
    this.#name = name;
    this.#log = log;
    this.left = left;
  }

  work(share: Share): boolean {
    for (; this.left > 0 && share.isLeft; this.left -= 1) {
      share.spend(1);
      this.#log.push(this.#name);
    }
    return this.left > 0;
  }
}

test("a worker with much to do gets 16 steps in a turn, and those that come meanwhile get theirs", async () => {
  const turns = new Turns(new FakeClock());
  const log: string[] = [];
  const busy = new Steps("busy", log, 40);
  turns.run(busy);
  turns.run(new Steps("other", log, 1));
  turns.run(busy);
  expect(log).toEqual([...Array.from({ length: 16 }, () => "busy"), "other"]);
  await settle();
  expect(busy.left).toBe(8);
  await settle();
  expect(busy.left).toBe(0);
});

test("a share ends early when the steps after the first take longer than a millisecond", () => {
  const clock = new FakeClock();
  let steps = 0;
  new Turns(clock).run({
    work(share) {
      for (; share.isLeft; steps += 1) {
        share.spend(1);
        clock.move(0.6);
      }
      return false;
    },
  });
  expect(steps).toBe(3);
});

test("workers that wait take half of a turn at most, and those that come get the other half", async () => {
  const turns = new Turns(new FakeClock());
  const log: string[] = [];
  const waiting = Array.from({ length: 20 }, (_, index) => new Steps(`${index}`, log, 1000));
  for (const worker of waiting) turns.run(worker);
  expect(new Set(log).size).toBe(16);
  log.length = 0;
  await settle();
  expect(new Set(log).size).toBe(8);
  const isNow = turns.run(new Steps("newcomer", log, 1));
  expect(isNow).toBe(true);
  expect(log.at(-1)).toBe("newcomer");
});

test("the proxy answers 20 requests of one client while another one's thousands are under way", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.target = { kind: "unknown" };
  const [flooder, other] = [await world.client(), await world.client()];
  const flood = 5000;
  flooder.send("GET / HTTP/1.1\r\nHost: flood\r\n\r\n".repeat(flood));
  await flooder.take("NOT_FOUND");
  for (let count = 0; count < 20; count += 1) {
    other.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n");
    await other.take("NOT_FOUND");
  }
  const decided = () => world.gateway.decided.filter(({ hostname }) => hostname === "flood").length;
  expect(decided()).toBeLessThan(flood);
  await world.gateway.until(() => decided() === flood);
});
