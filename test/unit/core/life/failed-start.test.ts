import { expect, test } from "bun:test";
import { startFailure } from "../../../../src/core/failure.ts";
import {
  type InstanceMemory,
  memoryOf,
  restoreMemory,
} from "../../../../src/core/life/adoption.ts";
import { newInstance, type Refusal } from "../../../../src/core/life/instance.ts";
import { reportFailure } from "../../../../src/core/life/report.ts";
import { Play } from "../../../support/play.ts";
import { serviceWith } from "../../../support/service.ts";

const MISSING = { code: "LEVEL_MISSING", reason: "no walls", hint: "Build them" } as const;

/** An instance whose launch has failed; by default it is tried again a second later. */
function failing({ restarts = 3 } = {}): Play {
  const restart = { ...serviceWith().restart, max: restarts };
  const play = new Play({ restart }).send({ kind: "wake", cause: "request" }, { kind: "turn" });
  return play.send({ kind: "launchFailed", launch: 1, failure: MISSING });
}

function refusalsOf({ last }: Play): readonly Refusal[] {
  return last.filter((effect) => effect.kind === "refuse");
}

test("a failed launch keeps its code and its remedy through the back-off", () => {
  const play = failing();
  expect(play.instance.state).toMatchObject({ kind: "waiting", failure: MISSING });
  expect(refusalsOf(play)).toMatchObject([{ failure: MISSING, retryAfterMs: 1000 }]);
  play.send({ kind: "wake", cause: "request" });
  expect(refusalsOf(play)).toMatchObject([{ failure: MISSING, retryAfterMs: 1000 }]);
  expect(reportFailure(play.instance.state)).toEqual(MISSING);
});

test("a failed launch keeps them when it is given up", () => {
  const play = failing({ restarts: 0 });
  const failure = { ...MISSING, reason: "no walls; gave up after 0 restarts" };
  expect(play.instance.state).toEqual({ kind: "failed", failure });
  expect(refusalsOf(play)).toMatchObject([{ failure, retryAfterMs: null }]);
});

test("an instance that is put back to failed keeps the failure of the latest attempt", () => {
  const play = failing().send({ kind: "rest", to: "failed" });
  expect(play.instance.state).toEqual({ kind: "failed", failure: MISSING });
});

test("the next server gets the failure too; an earlier version passes on its reason alone", () => {
  const play = failing();
  const memory = memoryOf(play.instance, play.now);
  const restored = (changes: Partial<InstanceMemory>) =>
    restoreMemory(newInstance(play.instance.ref), { ...memory, ...changes }, 5000).state;
  expect(restored({})).toEqual({
    kind: "waiting",
    deadline: 6000,
    ready: false,
    failure: MISSING,
  });
  const backOff = { leftMs: 1000, reason: "no walls", ready: false };
  expect(restored({ backOff })).toMatchObject({ failure: startFailure("no walls") });
});
