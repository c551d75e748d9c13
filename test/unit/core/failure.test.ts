import { expect, test } from "bun:test";
import { TenError } from "../../../src/core/errors.ts";
import {
  FailureError,
  failureOf,
  hintOf,
  InstanceError,
  isServersOwn,
  startFailure,
  unavailable,
} from "../../../src/core/failure.ts";

const ALICE = { service: "notes", id: "alice" };

test("a failure that was thrown keeps its code and its hint; anything else is a failed start", () => {
  const failure = { code: "LEVEL_MISSING", reason: "no walls", hint: "Build them" } as const;
  expect(failureOf(new FailureError(failure))).toBe(failure);
  expect(failureOf(new Error("disk full"))).toEqual(startFailure("disk full"));
  expect(failureOf("odd")).toEqual({ code: "START_FAILED", reason: "odd", hint: null });
});

test("a lack of the server's own is its failure, however deep the cause", () => {
  for (const [code, found] of [
    ["EMFILE", "DESCRIPTORS_EXHAUSTED"],
    ["ENFILE", "DESCRIPTORS_EXHAUSTED"],
    ["ENOSPC", "STORAGE_FAILED"],
    ["SQLITE_FULL", "STORAGE_FAILED"],
  ] as const) {
    const cause = Object.assign(new Error("of the system"), { code });
    const wrapped = new FailureError(startFailure("its output can't be opened"), cause);
    const again = new FailureError(startFailure("its volume can't be mounted"), wrapped);
    const refusal = new TenError("STORAGE_FAILED", "Cannot open it", { cause });
    for (const thrown of [cause, wrapped, again, refusal]) {
      expect(failureOf(thrown).code).toBe(found);
      expect(isServersOwn(failureOf(thrown))).toBe(true);
    }
  }
  expect(isServersOwn(failureOf(new FailureError(startFailure("odd"), new Error("odd"))))).toBe(
    false,
  );
});

test("the error names the instance once, with the hint and when to try again", () => {
  const failure = startFailure('"foo" is not found on PATH', "Install it");
  const error = new InstanceError(ALICE, { verb: "start", failure, retryAfterMs: 1000 });
  expect(error).toBeInstanceOf(TenError);
  expect(error.message).toBe('Cannot start "notes:alice": "foo" is not found on PATH');
  expect(error).toMatchObject({
    code: "START_FAILED",
    hint: "Install it",
    retryAfterMs: 1000,
    failure,
  });
});

test("without a hint the error has none", () => {
  const error = new InstanceError(ALICE, { verb: "use", failure: unavailable("it is stopped") });
  expect(error).toMatchObject({ code: "INSTANCE_UNAVAILABLE", status: 503 });
  expect([error.hint, error.retryAfterMs]).toEqual([undefined, undefined]);
});

test("the hint of a gap offers every way to mend it", () => {
  const gap = { reason: "no walls", remedy: "run ten as root\nsysctl -w x=1" };
  expect(hintOf(gap)).toBe("run ten as root; or: sysctl -w x=1");
  expect(hintOf(gap, "do without")).toBe("run ten as root; or: sysctl -w x=1; or: do without");
});
