import { expect, test } from "bun:test";
import { Turns } from "../../../../src/proxy/turns.ts";
import { Intake } from "../../../../src/proxy/upstream/intake.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";

/** An intake whose user takes one byte at a time. */
function open() {
  const events: string[] = [];
  let taken = 0;
  const source = { pause: () => events.push("pause"), resume: () => events.push("resume") };
  const intake = new Intake(source, new Turns(new FakeClock()), {
    onBytes: () => {
      taken += 1;
      return 1;
    },
    onBatch: () => events.push(`${taken}`),
  });
  return { intake, events };
}

test("bytes in tiny pieces are handed on over several turns, while the tenant is paused", async () => {
  const { intake, events } = open();
  intake.add(Buffer.alloc(40));
  expect(events).toEqual(["16", "pause"]);
  await settle();
  await settle();
  expect(events).toEqual(["16", "pause", "32", "40", "resume"]);
});

test("the end of the connection is reported behind its last byte", async () => {
  const { intake, events } = open();
  intake.add(Buffer.alloc(20));
  intake.end(() => events.push("end"));
  expect(intake.isEnding).toBe(true);
  expect(events).not.toContain("end");
  await settle();
  expect(events).toEqual(["16", "pause", "20", "resume", "end"]);
});

test("a paused user gets nothing until it resumes, also of bytes that have come", async () => {
  const { intake, events } = open();
  intake.add(Buffer.alloc(20));
  intake.pause();
  await settle();
  intake.end(() => events.push("end"));
  await settle();
  expect(events).toEqual(["16", "pause", "16"]);
  intake.resume();
  expect(events).toEqual(["16", "pause", "16", "20", "resume", "end"]);
});

test("dropped bytes are not handed on", async () => {
  const { intake, events } = open();
  intake.add(Buffer.alloc(40));
  intake.drop();
  await settle();
  expect(events).not.toContain("32");
});
