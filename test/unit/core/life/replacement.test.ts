import { describe, expect, test } from "bun:test";
import { startFailure } from "../../../../src/core/failure.ts";
import { adopt, type FoundInstance } from "../../../../src/core/life/adoption.ts";
import { nextDeadline } from "../../../../src/core/life/lifecycle.ts";
import {
  CHILD,
  ENDPOINT,
  EXIT_1,
  NEXT_ENDPOINT,
  Play,
  REPLACEMENT,
} from "../../../support/play.ts";

const STOP_MS = 10_000;

describe("a replacement", () => {
  test("starts beside the running process and serves from its first good answer", () => {
    const play = new Play().run();
    expect(play.send({ kind: "replace" }).last).toEqual([{ kind: "launch", launch: 2 }]);
    expect(play.kind).toBe("running");
    play.send({ kind: "launched", launch: 2, child: REPLACEMENT }).answerReplacement(false);
    expect(play.instance).toMatchObject({ launch: 1, state: { child: CHILD, endpoint: ENDPOINT } });
    play.answerReplacement(true);
    expect(play.instance).toMatchObject({
      launch: 2,
      state: { kind: "running", child: REPLACEMENT, endpoint: NEXT_ENDPOINT, missed: 0 },
      second: { kind: "stopping", launch: 1, child: CHILD },
    });
  });

  test("is on record before the former process gets the signal", () => {
    const { last } = new Play().run().replace().answerReplacement(true);
    expect(last).toEqual([
      { kind: "admit", endpoint: NEXT_ENDPOINT },
      { kind: "replaced" },
      { kind: "signal", launch: 1, signal: "SIGTERM" },
    ]);
  });

  test("waits for the requests of the former process, not for its own", () => {
    const play = new Play().run().replace();
    play.traffic = { ...play.traffic, open: 2, busy: 1 };
    play.answerReplacement(true);
    play.traffic = { ...play.traffic, open: 3, busy: 2, secondBusy: 1 };
    expect(play.send({ kind: "tick" }).instance.second?.kind).toBe("draining");
    play.traffic = { ...play.traffic, open: 2, busy: 2, secondBusy: 0 };
    expect(play.send({ kind: "tick" }).effects()).toEqual(["SIGTERM"]);
    expect(play.kind).toBe("running");
  });

  test("bounds the wait for the requests of the former process, and for its exit", () => {
    const play = new Play().run().replace();
    play.traffic = { ...play.traffic, open: 1, busy: 1, secondBusy: 1 };
    play.answerReplacement(true);
    play.now += STOP_MS;
    expect(play.send({ kind: "tick" }).effects()).toContain("SIGTERM");
    play.now += STOP_MS;
    expect(play.send({ kind: "tick" }).last).toContainEqual({
      kind: "signal",
      launch: 1,
      signal: "SIGKILL",
    });
    play.send({ kind: "exited", launch: 1, exit: EXIT_1 }, { kind: "gone", launch: 1 });
    expect(play.instance).toMatchObject({ launch: 2, state: { kind: "running" }, second: null });
  });

  test("keeps an idle instance awake while it starts", () => {
    const play = new Play({ healthIntervalMs: 1e9, startupTimeoutMs: 1e9 }).run().replace();
    play.now += 1e8;
    expect(play.send({ kind: "tick" }).kind).toBe("running");
  });

  test("starts once, however often it is asked for", () => {
    const play = new Play().run().replace();
    expect(play.send({ kind: "replace" }).last).toEqual([]);
    play.answerReplacement(true);
    expect(play.send({ kind: "replace" }).last).toEqual([
      { kind: "unreplaced", failure: startFailure("its former process is still ending") },
    ]);
  });

  test("is refused to an instance that does not run", () => {
    expect(new Play().send({ kind: "replace" }).effects()).toEqual(["unreplaced"]);
  });
});

describe("a replacement that fails", () => {
  const failureOf = ({ last }: Play) => last.find(({ kind }) => kind === "unreplaced");

  test("by exiting leaves the running process as it was", () => {
    const play = new Play().run();
    const before = play.instance.state;
    play.replace().send({ kind: "exited", launch: 2, exit: EXIT_1 });
    expect(failureOf(play)).toMatchObject({
      failure: startFailure("exited with code 1 before it was ready"),
    });
    play.send({ kind: "gone", launch: 2 });
    expect(play.instance).toMatchObject({ launch: 1, state: before, second: null, crashes: [] });
  });

  test("by not being launched is reported with the reason", () => {
    const play = new Play().run().send({ kind: "replace" });
    const failure = startFailure("no such program", "Install it");
    play.send({ kind: "launchFailed", launch: 2, failure });
    expect(failureOf(play)).toMatchObject({ failure });
    expect(play.instance.second).toBeNull();
  });

  test("by not being ready in time is ended", () => {
    const play = new Play({ startupTimeoutMs: 3000 }).run().replace().answerReplacement(false);
    play.now += 3000;
    play.send({ kind: "tick" });
    expect(play.effects()).toContain("SIGTERM");
    expect(failureOf(play)).toMatchObject({
      failure: startFailure("not ready within 3 s: status 500"),
    });
    expect(play.kind).toBe("running");
  });

  test("is not confused with the running process when that answers a probe", () => {
    const play = new Play().run().replace();
    play.answer(true);
    expect(play.instance).toMatchObject({ launch: 1, second: { kind: "starting" } });
    play.send({ kind: "gone", launch: 2 });
    expect(play.instance.second?.kind).toBe("starting");
  });
});

describe("when the serving process ends", () => {
  test("its replacement is ended, and the restart waits until both are gone", () => {
    const play = new Play().run().replace().exit(EXIT_1);
    expect(play.effects()).toEqual(["SIGTERM", "SIGTERM", "unreplaced"]);
    play.gone();
    expect(play.kind).toBe("stopping");
    play.send({ kind: "exited", launch: 2, exit: EXIT_1 }, { kind: "gone", launch: 2 });
    expect(play.kind).toBe("waiting");
  });

  test("a launch that is under way is ended as soon as its process exists", () => {
    const play = new Play().run().send({ kind: "replace" }).exit(EXIT_1).gone();
    expect(nextDeadline(play.instance, play.facts)).toBe(play.now + play.service.stopTimeoutMs);
    play.send({ kind: "launched", launch: 2, child: REPLACEMENT });
    expect(play.last).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });

  test("the instance comes to rest only when the former process is gone too", () => {
    const play = new Play().run().replace().answerReplacement(true);
    play.send({ kind: "rest", to: "stopped" }).exit(EXIT_1).gone();
    expect(play.instance).toMatchObject({ launch: 1, state: { kind: "stopping" }, second: null });
    play.send({ kind: "gone", launch: 1 });
    expect(play.instance.state).toEqual({ kind: "stopped", disabled: false });
  });
});

describe("processes of an earlier server", () => {
  const found = (changes: Partial<FoundInstance>): FoundInstance => ({
    wanted: "running",
    failure: null,
    child: { ref: CHILD, endpoint: ENDPOINT },
    second: REPLACEMENT,
    ...changes,
  });
  const adopted = (changes: Partial<FoundInstance>) => {
    const play = new Play();
    return adopt(play.instance, found(changes), play.facts);
  };

  test("the process that served goes on, the second is ended", () => {
    const { instance, effects } = adopted({});
    expect(instance.state).toMatchObject({ kind: "running", child: CHILD, missed: null });
    expect(instance.second).toMatchObject({ kind: "stopping", child: REPLACEMENT });
    expect(effects).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });

  test("a process that was never ready goes on starting", () => {
    const { instance } = adopted({ child: { ref: CHILD, endpoint: null }, second: null });
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

  test("a second process without the first is ended", () => {
    const { instance, effects } = adopted({ child: null });
    expect(instance).toMatchObject({ launch: 2, state: { kind: "stopping" }, second: null });
    expect(effects).toEqual([{ kind: "signal", launch: 2, signal: "SIGTERM" }]);
  });
});

describe("a replacement without a health check", () => {
  const TRIAL_MS = 2000;
  const tried = () => new Play({ health: null }).run().replace().answerReplacement(true);

  test("serves, while the former process stands by without a signal", () => {
    const play = tried();
    expect(play.last).toEqual([{ kind: "admit", endpoint: NEXT_ENDPOINT }]);
    expect(play.instance).toMatchObject({
      launch: 2,
      state: { kind: "running", child: REPLACEMENT, endpoint: NEXT_ENDPOINT },
      second: { kind: "standby", launch: 1, child: CHILD, endpoint: ENDPOINT },
    });
  });

  test("has replaced the former process once it has lived for a while", () => {
    const play = tried();
    play.now += TRIAL_MS;
    expect(play.send({ kind: "tick" }).effects()).toEqual(["replaced", "SIGTERM"]);
    expect(play.instance.second).toMatchObject({ kind: "stopping", launch: 1 });
  });

  test("that ends meanwhile gives all requests back to the former process", () => {
    const play = tried().exit(EXIT_1);
    expect(play.last).toEqual([
      { kind: "admit", endpoint: ENDPOINT },
      { kind: "signal", launch: 2, signal: "SIGTERM" },
      {
        kind: "unreplaced",
        failure: startFailure("exited with code 1 soon after it was ready"),
      },
    ]);
    expect(play.instance).toMatchObject({
      launch: 1,
      state: { kind: "running", child: CHILD, endpoint: ENDPOINT, since: 1000 },
      second: { kind: "stopping", launch: 2, child: REPLACEMENT },
      crashes: [],
    });
    play.send({ kind: "gone", launch: 2 });
    expect(play.instance).toMatchObject({ launch: 1, second: null });
  });

  test("is there to stay when the former process ends meanwhile", () => {
    const play = tried().send({ kind: "exited", launch: 1, exit: EXIT_1 });
    expect(play.effects()).toEqual(["SIGTERM", "replaced"]);
    expect(play.instance).toMatchObject({ launch: 2, state: { kind: "running" } });
  });

  test("ends together with the former process when the instance is to stop", () => {
    const play = tried().send({ kind: "rest", to: "stopped" });
    expect(play.effects().sort()).toEqual(["SIGTERM", "SIGTERM", "unreplaced"]);
    expect(play.instance).toMatchObject({
      state: { kind: "stopping" },
      second: { kind: "stopping" },
    });
  });

  test("lets the former process finish its requests after the trial", () => {
    const play = tried();
    play.traffic = { ...play.traffic, open: 1, busy: 0, secondBusy: 1 };
    play.now += TRIAL_MS;
    expect(play.send({ kind: "tick" }).effects()).toEqual(["replaced"]);
    expect(play.instance.second?.kind).toBe("draining");
  });
});
