// What the server itself lacks says nothing of an instance: neither its checks nor its starts count.
import { expect, test } from "bun:test";
import { type Failure, failureOf } from "../../../../src/core/failure.ts";
import { MISSED_MAX, type StateOf } from "../../../../src/core/life/instance.ts";
import { Play } from "../../../support/play.ts";

const NO_DESCRIPTOR = failureOf(Object.assign(new Error("EMFILE"), { code: "EMFILE" }));

function unasked(play: Play): Play {
  return play.send({ kind: "probed", launch: play.instance.launch, answer: { kind: "unasked" } });
}

function launchFailed(play: Play, failure: Failure): Play {
  play.send({ kind: "turn" });
  return play.send({ kind: "launchFailed", launch: play.instance.launch, failure });
}

test("checks that the server could not make neither count as missed nor as passed", () => {
  const play = new Play().run().answer(false);
  for (let check = 0; check < 2 * MISSED_MAX; check += 1) unasked(play.tick());
  expect(play.instance.state).toMatchObject({ kind: "running", missed: 1 });
  play.tick().answer(false).tick().answer(false);
  expect(play.instance.state.kind).toBe("stopping");
});

test("the start-up time does not end while the server can't ask", () => {
  const play = new Play().start();
  const { deadline } = play.instance.state as StateOf<"starting">;
  while (play.now <= deadline + 5000) unasked(play.tick());
  expect(play.instance.state.kind).toBe("starting");
  play.answer(true);
  expect(play.instance.state.kind).toBe("running");
});

test("a replacement's start-up time does not end either", () => {
  const play = new Play().run().replace();
  const begun = play.now;
  while (play.now <= begun + 60_000) {
    play.tick();
    const { launches: launch } = play.instance;
    play.send({ kind: "probed", launch, answer: { kind: "unasked" } });
    play.send({ kind: "probed", launch: play.instance.launch, answer: { kind: "unasked" } });
  }
  expect(play.instance.second?.kind).toBe("starting");
});

test("starts that the server could not make are tried again without end, and are no restarts", () => {
  const play = new Play().send({ kind: "wake", cause: "request" });
  for (let start = 0; start < 10; start += 1) {
    launchFailed(play, NO_DESCRIPTOR);
    expect(play.instance.state.kind).toBe("waiting");
    expect(play.effects()).toContain("refuse");
    play.tick();
  }
  expect(play.instance).toMatchObject({ state: { kind: "queued" }, crashes: [], restarts: 0 });
});
