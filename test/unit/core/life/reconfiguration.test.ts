import { expect, test } from "bun:test";
import { startFailure } from "../../../../src/core/failure.ts";
import { nextDeadline, step } from "../../../../src/core/life/lifecycle.ts";
import type { Service } from "../../../../src/core/service.ts";
import { EXIT_1, Play } from "../../../support/play.ts";

const CHANGED = { kind: "reconfigured" } as const;

/** The configuration of a service changes under an instance. */
function reconfigure(play: Play, service: Partial<Service>): Play {
  Object.assign(play.service, service);
  return play.send(CHANGED);
}

test("a running instance is checked at the new interval, and sleeps after the new time", () => {
  const play = new Play({ healthIntervalMs: 3_600_000, idleTimeoutMs: 7_200_000 }).run();
  expect(nextDeadline(play.instance, play.facts)).toBe(play.now + 3_600_000);
  reconfigure(play, { healthIntervalMs: 5000 });
  expect(nextDeadline(play.instance, play.facts)).toBe(play.now + 5000);
  reconfigure(play, { healthIntervalMs: 60_000, idleTimeoutMs: 2000 });
  expect(nextDeadline(play.instance, play.facts)).toBe(play.now + 2000);
  expect(play.kind).toBe("running");
});

test("a check that is under way is waited for, not repeated", () => {
  const play = new Play({ healthIntervalMs: 5000, idleTimeoutMs: 0 }).run().tick();
  expect(play.effects()).toEqual(["probe"]);
  reconfigure(play, { healthIntervalMs: 1000 });
  expect(nextDeadline(play.instance, play.facts)).toBe(Number.POSITIVE_INFINITY);
});

test("a starting instance has the new time to get ready, counted from its launch", () => {
  const play = new Play({ startupTimeoutMs: 10_000 }).start();
  const launchedAt = play.now;
  play.now += 4000;
  reconfigure(play, { startupTimeoutMs: 5000 });
  expect(play.instance.state).toMatchObject({ kind: "starting", deadline: launchedAt + 5000 });
});

test("a starting replacement has the new time to get ready, counted from its launch", () => {
  const play = new Play({ startupTimeoutMs: 10_000 }).run().replace();
  const launchedAt = play.now;
  play.now += 4000;
  reconfigure(play, { startupTimeoutMs: 5000 });
  expect(play.instance.second).toMatchObject({ kind: "starting", deadline: launchedAt + 5000 });
});

test("an instance that has failed or backs off starts again, without its earlier crashes", () => {
  const restart = { ...new Play().service.restart, max: 1 };
  const play = new Play({ restart }).run().exit(EXIT_1).gone();
  expect(play.kind).toBe("waiting");
  reconfigure(play, {});
  expect(play.instance).toMatchObject({ state: { kind: "queued", cause: "reload" }, crashes: [] });
  const failed = new Play({}, { kind: "failed", failure: startFailure("gave up") }).send(CHANGED);
  expect(failed.kind).toBe("queued");
});

test("an instance whose process is ending after a crash starts again without a back-off", () => {
  const play = new Play().run().exit(EXIT_1).send(CHANGED);
  expect(play.instance.state).toMatchObject({ kind: "stopping", after: { kind: "start" } });
  expect(play.gone().kind).toBe("queued");
});

test.each([
  { kind: "asleep" },
  { kind: "stopped", disabled: false },
  { kind: "stopped", disabled: true },
] as const)("one at rest stays there: %j", (state) => {
  const play = new Play({}, state);
  expect(step(play.instance, CHANGED, play.facts)).toEqual({
    instance: play.instance,
    effects: [],
  });
});

test("an instance that is going to rest still rests", () => {
  const play = new Play().run().send({ kind: "rest", to: "stopped" }, CHANGED);
  expect(play.gone().instance.state).toEqual({ kind: "stopped", disabled: false });
});
