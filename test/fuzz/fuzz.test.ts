// A short run of each fuzzer; `npm run fuzz` runs them for longer.
import { expect, setDefaultTimeout, test } from "bun:test";
import { isUnable } from "../launcher/programs.ts";
import { openApiFuzzer, unsuccessful } from "./api.ts";
import { fuzz, fuzzRounds } from "./fuzzer.ts";
import { openLauncherFuzzer } from "./launcher.ts";
import { EPISODE_EVENTS, LifecycleFuzzer } from "./lifecycle.ts";
import { openWireFuzzer } from "./wire.ts";

setDefaultTimeout(600_000);

const EVENTS = 200_000;
/** Of 150 requests at random some 5 spawn an instance, in one run of 100 none: then more are sent. */
const API_ROUNDS = 15;
const API_ROUNDS_MAX = 1500;

test("the life of an instance holds its invariants through random events", async () => {
  await using fuzzer = new LifecycleFuzzer();
  await fuzzRounds(fuzzer, "lifecycle", EVENTS / EPISODE_EVENTS);
  // The fuzzer has been everywhere, or it proves little.
  const beside = ["running beside standby", "running beside starting"];
  for (const first of ["running", "draining", "stopping"]) {
    beside.push(`${first} beside draining`, `${first} beside stopping`);
  }
  const reached = [...fuzzer.reached];
  expect(reached.filter((name) => name.includes("beside")).sort()).toEqual(beside.sort());
  expect(reached.length).toBe(10 + beside.length);
  expect(fuzzer.replacements).toBeGreaterThan(500);
});

test("the control API answers any request as its document declares", async () => {
  await using fuzzer = await openApiFuzzer();
  await fuzzRounds(fuzzer, "api", API_ROUNDS);
  for (let more = API_ROUNDS; unsuccessful().length > 0 && more < API_ROUNDS_MAX; more += 1) {
    await fuzzRounds(fuzzer, "api", 1);
  }
  // Otherwise the test has tried refusals only.
  expect(unsuccessful()).toEqual([]);
});

test("the proxy survives bytes at random from clients and tenants, and mixes up no answers", async () => {
  await using fuzzer = await openWireFuzzer();
  await fuzzRounds(fuzzer, "wire", 60);
  expect([...fuzzer.reached]).toEqual(expect.arrayContaining(["200", "400", "502"]));
});

test.skipIf(isUnable())(
  "the launcher ends by no signal and leaves nothing, whatever its arguments",
  async () => {
    await using fuzzer = await openLauncherFuzzer();
    await fuzzRounds(fuzzer, "launcher", 80);
    expect([...fuzzer.reached]).toEqual(
      expect.arrayContaining(["exit 0", "exit 125", "exit 126", "measure", "delete"]),
    );
  },
);

test("a finding is repeated by its seed", async () => {
  const fuzzer = {
    reached: new Set<string>(),
    round: async (random: { next(): number }) => {
      if (random.next() < 0.2) throw new Error("found");
      return 1;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const first = { findingsMax: 1, goesOn: () => true };
  const [found] = (await fuzz(fuzzer, { ...first, seed: 1 })).findings;
  const again = await fuzz(fuzzer, { ...first, seed: found?.seed ?? 0 });
  expect(again).toMatchObject({ rounds: 1, findings: [found] });
});
