// A launch that gets no process, as on a disk that hangs, is given up.
import { expect, test } from "bun:test";
import { Play, REPLACEMENT } from "../../../support/play.ts";

function launching(): Play {
  return new Play().send({ kind: "wake", cause: "request" }, { kind: "turn" });
}

test("a start without a process fails at a deadline, is cancelled, and is tried again", () => {
  const play = launching().tick();
  expect(play.instance.state).toMatchObject({
    kind: "waiting",
    failure: { reason: "its files were not ready within 600 s" },
  });
  expect(play.last).toContainEqual({ kind: "cancel", launch: 1 });
  expect(play.effects()).toContain("refuse");
});

test("an instance that is stopped during such a start comes to rest at the stop timeout", () => {
  const play = launching().send({ kind: "rest", to: "stopped" });
  const orderedAt = play.now;
  play.tick();
  expect(play.instance.state).toEqual({ kind: "stopped", disabled: false });
  expect(play.now).toBe(orderedAt + play.service.stopTimeoutMs);
  expect(play.last).toEqual([{ kind: "cancel", launch: 1 }]);
});

test("a process that a late launch has got is ended, not killed at once", () => {
  const play = launching().send({ kind: "rest", to: "stopped" });
  play.now += play.service.stopTimeoutMs - 1;
  play.send({ kind: "launched", launch: 1, child: REPLACEMENT });
  expect(play.effects()).toEqual(["SIGTERM"]);
  expect(play.tick().effects()).toEqual(["SIGKILL"]);
});

test("a replacement without a process is cancelled, and the running process goes on", () => {
  const play = new Play({ idleTimeoutMs: 0, healthIntervalMs: 1e9 }).run();
  play.send({ kind: "replace" }).tick();
  expect(play.instance).toMatchObject({ state: { kind: "running" }, second: null });
  expect(play.effects()).toEqual(["cancel", "unreplaced"]);
});

test("a replacement without a process does not keep the stopped instance from its rest", () => {
  const play = new Play().run().send({ kind: "replace" }, { kind: "rest", to: "stopped" }).gone();
  expect(play.kind).toBe("stopping");
  expect(play.tick().instance).toMatchObject({ state: { kind: "stopped" }, second: null });
});
