import { describe, expect, test } from "bun:test";
import { startFailure } from "../../../../src/core/failure.ts";
import { adopt, type Found } from "../../../../src/core/life/adoption.ts";
import { nextDeadline } from "../../../../src/core/life/lifecycle.ts";
import { CHILD, ENDPOINT, EXIT_1, NEXT_ENDPOINT, Play, SUCCESSOR } from "../../../support/play.ts";

const STOP_MS = 10_000;

describe("a successor", () => {
  test("starts beside the running process and serves from its first good answer", () => {
    const play = new Play().run();
    expect(play.send({ kind: "replace" }).last).toEqual([{ kind: "launch", launch: 2 }]);
    expect(play.kind).toBe("running");
    play.send({ kind: "launched", launch: 2, child: SUCCESSOR }).successor(false);
    expect(play.instance).toMatchObject({ launch: 1, state: { child: CHILD, endpoint: ENDPOINT } });
    play.successor(true);
    expect(play.instance).toMatchObject({
      launch: 2,
      state: { kind: "running", child: SUCCESSOR, endpoint: NEXT_ENDPOINT, missed: 0 },
      other: { kind: "stopping", launch: 1, child: CHILD },
    });
  });

  test("is on record before its predecessor gets the signal", () => {
    const { last } = new Play().run().replace().successor(true);
    expect(last).toEqual([
      { kind: "admit", endpoint: NEXT_ENDPOINT },
      { kind: "replaced" },
      { kind: "signal", launch: 1, signal: "SIGTERM" },
    ]);
  });

  test("lets its predecessor finish its requests, and never its own", () => {
    const play = new Play().run().replace();
    play.traffic = { ...play.traffic, open: 2, busy: 1 };
    play.successor(true);
    play.traffic = { ...play.traffic, open: 3, busy: 2, otherBusy: 1 };
    expect(play.send({ kind: "tick" }).instance.other?.kind).toBe("draining");
    play.traffic = { ...play.traffic, open: 2, busy: 2, otherBusy: 0 };
    expect(play.send({ kind: "tick" }).effects()).toEqual(["SIGTERM"]);
    expect(play.kind).toBe("running");
  });

  test("does not wait for its predecessor's requests for ever, nor for its exit", () => {
    const play = new Play().run().replace();
    play.traffic = { ...play.traffic, open: 1, busy: 1, otherBusy: 1 };
    play.successor(true);
    play.now += STOP_MS;
    expect(play.send({ kind: "tick" }).effects()).toContain("SIGTERM");
    play.now += STOP_MS;
    expect(play.send({ kind: "tick" }).last).toContainEqual({
      kind: "signal",
      launch: 1,
      signal: "SIGKILL",
    });
    play.send({ kind: "exited", launch: 1, exit: EXIT_1 }, { kind: "gone", launch: 1 });
    expect(play.instance).toMatchObject({ launch: 2, state: { kind: "running" }, other: null });
  });

  test("keeps an idle instance awake while it starts", () => {
    const play = new Play({ healthIntervalMs: 1e9, startupTimeoutMs: 1e9 }).run().replace();
    play.now += 1e8;
    expect(play.send({ kind: "tick" }).kind).toBe("running");
  });

  test("is one, however often it is asked for", () => {
    const play = new Play().run().replace();
    expect(play.send({ kind: "replace" }).last).toEqual([]);
    play.successor(true);
    expect(play.send({ kind: "replace" }).last).toEqual([
      { kind: "unreplaced", failure: startFailure("its former process is still ending") },
    ]);
  });

  test("is refused to an instance that does not run", () => {
    expect(new Play().send({ kind: "replace" }).effects()).toEqual(["unreplaced"]);
  });
});

describe("a successor that fails", () => {
  const failureOf = ({ last }: Play) => last.find(({ kind }) => kind === "unreplaced");

  test("by exiting leaves the running process as it was", () => {
    const play = new Play().run();
    const before = play.instance.state;
    play.replace().send({ kind: "exited", launch: 2, exit: EXIT_1 });
    expect(failureOf(play)).toMatchObject({
      failure: startFailure("exited with code 1 before it was ready"),
    });
    play.send({ kind: "gone", launch: 2 });
    expect(play.instance).toMatchObject({ launch: 1, state: before, other: null, crashes: [] });
  });

  test("by not being launched is told with the reason", () => {
    const play = new Play().run().send({ kind: "replace" });
    const failure = startFailure("no such program", "Install it");
    play.send({ kind: "launchFailed", launch: 2, failure });
    expect(failureOf(play)).toMatchObject({ failure });
    expect(play.instance.other).toBeNull();
  });

  test("by not being ready in time is ended", () => {
    const play = new Play({ startupTimeoutMs: 3000 }).run().replace().successor(false);
    play.now += 3000;
    play.send({ kind: "tick" });
    expect(play.effects()).toContain("SIGTERM");
    expect(failureOf(play)).toMatchObject({
      failure: startFailure("not ready within 3 s: status 500"),
    });
    expect(play.kind).toBe("running");
  });

  test("is not what an answer about the running process is taken for, nor the other way round", () => {
    const play = new Play().run().replace();
    play.answer(true);
    expect(play.instance).toMatchObject({ launch: 1, other: { kind: "starting" } });
    play.send({ kind: "gone", launch: 2 });
    expect(play.instance.other?.kind).toBe("starting");
  });
});

describe("when the serving process ends", () => {
  test("its successor is ended, and the restart waits until nothing is left", () => {
    const play = new Play().run().replace().exit(EXIT_1);
    expect(play.effects()).toEqual(["SIGTERM", "SIGTERM", "unreplaced"]);
    play.gone();
    expect(play.kind).toBe("stopping");
    play.send({ kind: "exited", launch: 2, exit: EXIT_1 }, { kind: "gone", launch: 2 });
    expect(play.kind).toBe("waiting");
  });

  test("a launch that is under way is ended as soon as there is something to end", () => {
    const play = new Play().run().send({ kind: "replace" }).exit(EXIT_1).gone();
    expect(nextDeadline(play.instance, play.facts)).toBe(Number.POSITIVE_INFINITY);
    play.send({ kind: "launched", launch: 2, child: SUCCESSOR });
    expect(play.last).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });

  test("it comes to rest only when its predecessor is gone too", () => {
    const play = new Play().run().replace().successor(true);
    play.send({ kind: "rest", to: "stopped" }).exit(EXIT_1).gone();
    expect(play.instance).toMatchObject({ launch: 1, state: { kind: "stopping" }, other: null });
    play.send({ kind: "gone", launch: 1 });
    expect(play.instance.state).toEqual({ kind: "stopped", disabled: false });
  });
});

describe("processes of an earlier server", () => {
  const found = (changes: Partial<Found>): Found => ({
    wanted: "running",
    failure: null,
    child: { ref: CHILD, endpoint: ENDPOINT },
    other: SUCCESSOR,
    ...changes,
  });
  const adopted = (changes: Partial<Found>) => {
    const play = new Play();
    return adopt(play.instance, found(changes), play.facts);
  };

  test("the one that served goes on, the other is ended", () => {
    const { instance, effects } = adopted({});
    expect(instance.state).toMatchObject({ kind: "running", child: CHILD, missed: null });
    expect(instance.other).toMatchObject({ kind: "stopping", child: SUCCESSOR });
    expect(effects).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });

  test("one that never got ready goes on starting", () => {
    const { instance } = adopted({ child: { ref: CHILD, endpoint: null }, other: null });
    expect(instance.state).toMatchObject({ kind: "starting", child: CHILD });
  });

  test.each(["asleep", "stopped", "disabled", "failed"] as const)(
    "of an instance that was to be %s both are ended",
    (wanted) => {
      const { instance, effects } = adopted({ wanted, failure: startFailure("it broke") });
      expect(instance.state.kind).toBe("stopping");
      expect(effects).toHaveLength(2);
    },
  );

  test("one that is left without the one that served is ended", () => {
    const { instance, effects } = adopted({ child: null });
    expect(instance).toMatchObject({ launch: 2, state: { kind: "stopping" }, other: null });
    expect(effects).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });
});
