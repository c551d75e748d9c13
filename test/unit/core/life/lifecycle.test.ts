import { describe, expect, test } from "bun:test";
import { startFailure, unavailable } from "../../../../src/core/failure.ts";
import { nextDeadline } from "../../../../src/core/life/lifecycle.ts";
import {
  reportFailure,
  reportHealth,
  reportState,
  reportWanted,
  restoreState,
} from "../../../../src/core/life/report.ts";
import type { RestartSettings } from "../../../../src/core/service.ts";
import { CHILD, EXIT_1, Play } from "../../../support/play.ts";
import { serviceWith } from "../../../support/service.ts";

const restart = (changes: Partial<RestartSettings>) => ({
  restart: { ...serviceWith().restart, ...changes },
});

describe("waking", () => {
  test("a sleeping instance queues, launches once, and admits the waiting requests when it is ready", () => {
    const play = new Play().send({ kind: "wake", cause: "request" });
    expect(play.kind).toBe("queued");
    expect(play.send({ kind: "turn" }).effects()).toEqual(["launch"]);
    for (let i = 0; i < 1000; i++) {
      expect(play.send({ kind: "wake", cause: "request" }).effects()).toEqual([]);
    }
    play.send({ kind: "launched", launch: 1, child: CHILD });
    expect(play.answer(true).effects()).toEqual(["admit"]);
    expect(play.kind).toBe("running");
  });

  test("the start-up time counts from the launch, not from the queue", () => {
    const play = new Play().send({ kind: "wake", cause: "request" });
    play.now += 9000;
    play.send({ kind: "turn" }).send({ kind: "launched", launch: 1, child: CHILD });
    play.now += 9999;
    expect(play.send({ kind: "tick" }).kind).toBe("starting");
    play.now += 1;
    expect(play.send({ kind: "tick" }).effects()).toEqual(["SIGTERM", "refuse"]);
  });

  test("a start that is not ready in time reports the latest probe", () => {
    const play = new Play().start().tick().answer(false);
    play.now += 10_000;
    play.send({ kind: "tick" });
    expect(play.last).toContainEqual(
      expect.objectContaining({
        failure: startFailure("not ready within 10 s: status 500"),
      }),
    );
  });

  test("probes are a millisecond apart at first, and less frequent later", () => {
    const play = new Play().start();
    expect(play.tick().effects()).toEqual(["probe"]);
    play.answer(false);
    expect(nextDeadline(play.instance, play.facts) - play.now).toBe(1);
    play.now += 4000;
    play.send({ kind: "tick" }).answer(false);
    expect(nextDeadline(play.instance, play.facts) - play.now).toBeGreaterThan(10);
  });

  test("a request that arrives while the instance goes to sleep wakes it again", () => {
    const play = new Play().run().send({ kind: "rest", to: "asleep" });
    expect(play.send({ kind: "wake", cause: "request" }).effects()).toEqual([]);
    expect(play.exit({ kind: "code", code: 0 }).gone().kind).toBe("queued");
  });

  test("a stopped instance obeys only an operator, a disabled one nobody", () => {
    const stopped = new Play({}, { kind: "stopped", disabled: false });
    expect(stopped.send({ kind: "wake", cause: "request" }).effects()).toEqual(["refuse"]);
    expect(stopped.send({ kind: "wake", cause: "operator" }).kind).toBe("queued");
    const disabled = new Play({}, { kind: "stopped", disabled: true });
    expect(disabled.send({ kind: "wake", cause: "operator" }).kind).toBe("stopped");
  });
});

describe("ending", () => {
  test("sleeps after the idle timeout, but not under an open lease", () => {
    const play = new Play({ idleTimeoutMs: 5000, healthIntervalMs: 1e9 }).run();
    play.traffic = { open: 1, busy: 1, secondBusy: 0, lastActiveAt: play.now };
    play.now += 50_000;
    expect(play.send({ kind: "tick" }).kind).toBe("running");
    play.traffic = { open: 0, busy: 0, secondBusy: 0, lastActiveAt: play.now };
    expect(nextDeadline(play.instance, play.facts)).toBe(play.now + 5000);
    expect(play.tick().effects()).toEqual(["SIGTERM"]);
    expect(play.exit({ kind: "signal", signal: "SIGTERM" }).gone().kind).toBe("asleep");
  });

  test("never sleeps with an idle timeout of 0", () => {
    const play = new Play({ idleTimeoutMs: 0, healthIntervalMs: 1e9 }).run();
    play.now += 1e8;
    expect(play.send({ kind: "tick" }).kind).toBe("running");
  });

  test("draining waits for requests, not for tunnels, and at most for the stop timeout", () => {
    const play = new Play().run();
    play.traffic = { open: 2, busy: 1, secondBusy: 0, lastActiveAt: 0 };
    expect(play.send({ kind: "rest", to: "stopped" }).kind).toBe("draining");
    play.traffic = { open: 1, busy: 0, secondBusy: 0, lastActiveAt: 0 };
    expect(play.send({ kind: "tick" }).effects()).toEqual(["SIGTERM"]);
    const patient = new Play().run();
    patient.traffic = { open: 1, busy: 1, secondBusy: 0, lastActiveAt: 0 };
    patient.send({ kind: "rest", to: "stopped" });
    expect(patient.tick().kind).toBe("stopping");
    expect(patient.now).toBe(1000 + patient.service.stopTimeoutMs);
  });

  test("kills after the stop timeout, again and again, and rests only when all processes are gone", () => {
    const play = new Play().run().send({ kind: "rest", to: "stopped" });
    expect(play.tick().effects()).toEqual(["SIGKILL"]);
    expect(play.tick().effects()).toEqual(["SIGKILL"]);
    expect(play.tick().effects()).toEqual(["SIGKILL", "refuse"]);
    expect(play.exit({ kind: "signal", signal: "SIGKILL" }).kind).toBe("stopping");
    expect(play.gone().kind).toBe("stopped");
  });

  test("descendants of an exited main process get the stop signal, not an early SIGKILL", () => {
    const play = new Play().run();
    expect(play.exit(EXIT_1).effects()).toEqual(["SIGTERM"]);
    expect(play.kind).toBe("stopping");
  });

  test("a later order replaces one that is under way", () => {
    const play = new Play().run().send({ kind: "rest", to: "asleep" });
    play.send({ kind: "rest", to: "disabled" }).send({ kind: "rest", to: "stopped" });
    expect(play.gone().instance.state).toEqual({ kind: "stopped", disabled: true });
  });

  test.each(["asleep", "stopped", "restart", "failed"] as const)(
    "an instance that is being disabled stays so when it is ordered to: %s",
    (to) => {
      const play = new Play().run();
      play.traffic.busy = 1;
      play.send({ kind: "rest", to: "disabled" }, { kind: "rest", to });
      expect(play.instance.state).toMatchObject({ kind: "draining", after: { disabled: true } });
      expect(play.send({ kind: "rest", to: "enabled" }).instance.state).toMatchObject({
        kind: "draining",
        after: { kind: "asleep" },
      });
    },
  );

  test("only a disabled instance is enabled", () => {
    const play = new Play().run().send({ kind: "rest", to: "enabled" });
    expect(play.kind).toBe("running");
    play.send({ kind: "rest", to: "stopped" }).gone().send({ kind: "rest", to: "enabled" });
    expect(play.kind).toBe("stopped");
  });

  test("stopping during the launch waits for it and then ends the process", () => {
    const play = new Play().send({ kind: "wake", cause: "request" }, { kind: "turn" });
    expect(play.send({ kind: "rest", to: "stopped" }).effects()).toEqual(["refuse"]);
    expect(nextDeadline(play.instance, play.facts)).toBe(play.now + play.service.stopTimeoutMs);
    play.send({ kind: "launched", launch: 1, child: CHILD });
    expect(play.effects()).toEqual(["SIGTERM"]);
    expect(play.exit({ kind: "signal", signal: "SIGTERM" }).gone().kind).toBe("stopped");
  });
});

describe("halting", () => {
  const failure = unavailable("storage is full", "Delete some files");
  const FULL = { kind: "halt", failure } as const;
  const REFUSED = { kind: "refuse", failure, retryAfterMs: null } as const;
  const HALTED = { kind: "halted", failure } as const;

  test("lets open requests end, then the process, and keeps the reason", () => {
    const play = new Play().run();
    play.traffic.busy = 1;
    expect(play.send(FULL).kind).toBe("draining");
    play.traffic.busy = 0;
    expect(play.tick().effects()).toEqual(["SIGTERM"]);
    expect(play.exit({ kind: "signal", signal: "SIGTERM" }).gone().instance.state).toEqual(HALTED);
  });

  test("requests are refused with the reason, and an operator starts it", () => {
    const play = new Play({}, HALTED);
    expect(play.send({ kind: "wake", cause: "request" }).last).toEqual([REFUSED]);
    expect(play.kind).toBe("halted");
    expect(play.send({ kind: "wake", cause: "boot" }).kind).toBe("halted");
    expect(play.send({ kind: "wake", cause: "operator" }).kind).toBe("queued");
  });

  test("takes precedence over going to sleep, and over waking again meanwhile", () => {
    const play = new Play().run().send({ kind: "rest", to: "asleep" });
    expect(play.send({ kind: "wake", cause: "request" }, FULL).last).toEqual([REFUSED]);
    expect(play.exit({ kind: "signal", signal: "SIGTERM" }).gone().instance.state).toEqual(HALTED);
  });

  test("keeps a sleeping instance from waking", () => {
    expect(new Play().send(FULL).instance.state).toEqual(HALTED);
  });

  test("changes nothing for an instance that is stopped or has failed", () => {
    for (const state of [
      { kind: "stopped", disabled: false },
      { kind: "stopped", disabled: true },
      { kind: "failed", failure: startFailure("crashed") },
    ] as const) {
      expect(new Play({}, state).send(FULL).instance.state).toEqual(state);
    }
    const stopping = new Play().run().send({ kind: "rest", to: "stopped" }, FULL);
    expect(stopping.gone().kind).toBe("stopped");
  });

  test("is reported as stopped, with the reason, and outlives the server", () => {
    expect(reportState(HALTED)).toBe("stopped");
    expect(reportHealth(HALTED)).toBe("stopped");
    expect(reportFailure(HALTED)).toEqual(failure);
    const row = { wanted: reportWanted(HALTED), failure: reportFailure(HALTED) };
    expect(restoreState(row)).toEqual(HALTED);
    expect(restoreState({ wanted: "stopped", failure: null }).kind).toBe("stopped");
  });
});

describe("crashing", () => {
  test("an instance that had been ready restarts, and requests wait meanwhile", () => {
    const play = new Play().run().exit(EXIT_1).gone();
    expect(play.kind).toBe("waiting");
    expect(play.send({ kind: "wake", cause: "request" }).effects()).toEqual([]);
    expect(play.tick().kind).toBe("queued");
    expect(play.now).toBe(2000);
    expect(play.instance.restarts).toBe(1);
  });

  test("a failed start answers all requests at once, also during the back-off", () => {
    const play = new Play().start();
    expect(play.exit(EXIT_1).effects()).toEqual(["SIGTERM", "refuse"]);
    expect(play.send({ kind: "wake", cause: "request" }).effects()).toEqual(["refuse"]);
    play.gone();
    expect(play.send({ kind: "wake", cause: "request" }).last).toEqual([
      { kind: "refuse", failure: startFailure("exited with code 1"), retryAfterMs: 1000 },
    ]);
    expect(play.kind).toBe("waiting");
  });

  test("gives up after too many crashes within the window; an operator starts it again", () => {
    const play = new Play().run().exit(EXIT_1).gone();
    for (let crash = 2; crash <= 4; crash++) play.tick().run().exit(EXIT_1).gone();
    expect(play.instance.state).toEqual({
      kind: "failed",
      failure: startFailure("exited with code 1; gave up after 3 restarts"),
    });
    expect(play.send({ kind: "wake", cause: "request" }).effects()).toEqual(["refuse"]);
    expect(play.send({ kind: "wake", cause: "operator" }).instance.crashes).toEqual([]);
    expect(play.kind).toBe("queued");
  });

  test("crashes outside the window are forgotten", () => {
    const play = new Play(restart({ windowMs: 10_000 })).run().exit(EXIT_1).gone();
    for (let crash = 0; crash < 20; crash++) {
      play.tick().run();
      play.now += 10_000;
      play.exit(EXIT_1).gone();
      expect(play.kind).toBe("waiting");
    }
  });

  test("three failed health checks in a row count as a crash; a good one resets them", () => {
    const play = new Play().run();
    play.tick().answer(false).tick().answer(false).tick().answer(true).tick().answer(false);
    expect(play.kind).toBe("running");
    play.tick().answer(false).tick().answer(false);
    expect(play.effects()).toEqual(["SIGTERM"]);
    expect(play.gone().instance.state).toMatchObject({
      failure: startFailure("unhealthy: status 500"),
    });
  });

  const exits = [
    { policy: "always", code: 0, ready: true, to: "waiting" },
    { policy: "always", code: 1, ready: true, to: "waiting" },
    { policy: "on-failure", code: 0, ready: true, to: "asleep" },
    { policy: "on-failure", code: 1, ready: true, to: "waiting" },
    { policy: "never", code: 1, ready: true, to: "asleep" },
    { policy: "never", code: 0, ready: false, to: "failed" },
    { policy: "on-failure", code: 0, ready: false, to: "failed" },
    { policy: "on-failure", code: 1, ready: false, to: "waiting" },
  ] as const;
  for (const { policy, code, ready, to } of exits) {
    const when = ready ? "after it was ready" : "before it was ready";
    test(`restart = ${policy}: code ${code} ${when} leads to ${to}`, () => {
      const play = new Play(restart({ policy }));
      if (ready) play.run();
      else play.start();
      expect(play.exit({ kind: "code", code }).gone().kind).toBe(to);
    });
  }

  test("an answer to an earlier launch changes nothing", () => {
    const play = new Play().run().exit(EXIT_1).gone().tick().send({ kind: "turn" });
    const before = play.instance;
    play.send({ kind: "gone", launch: 1 }, { kind: "exited", launch: 1, exit: EXIT_1 });
    expect(play.instance).toBe(before);
  });
});

test("a request that waits too long for a turn is answered; an instance that never sleeps stays in the queue", () => {
  const play = new Play().send({ kind: "wake", cause: "request" });
  expect(play.tick().effects()).toEqual(["refuse"]);
  expect(play.kind).toBe("asleep");
  const constant = new Play({ idleTimeoutMs: 0 }).send({ kind: "wake", cause: "boot" });
  expect(constant.tick().kind).toBe("queued");
});

test("a request whose turn to start does not come is told so, with both limits that may be the cause", () => {
  const play = new Play().send({ kind: "wake", cause: "request" }).tick();
  expect(play.kind).toBe("asleep");
  expect(play.last).toMatchObject([
    {
      failure: {
        reason: "its turn to start did not come within 60 s",
        hint: "Raise max_running, if as many instances run, or max_starting, if as many start",
      },
    },
  ]);
});
