// The command `npm run soak`: a calm phase, a hostile one, a quiet one, and a verdict on every promise.
import { closeSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../../bench/support.ts";
import { Client } from "../../src/control/client/client.ts";
import { randomFrom } from "../support/random.ts";
import { startTen, type Ten } from "../support/ten.ts";
import { until } from "../support/until.ts";
import { describeDescriptors, hostNames, remainsOf, usageOf, waitedMs } from "./accounts.ts";
import { Attacks } from "./attacks.ts";
import { Disturbances } from "./disturbances.ts";
import { holdSocket } from "./held-socket.ts";
import { Outages } from "./outages.ts";
import { isRoot, population } from "./population.ts";
import { DESCRIPTORS_SLACK, Verdict } from "./verdict.ts";
import { Witness } from "./witness.ts";

/** The calm phase, as a part of all the time. */
const CALM_PART = 0.2;
/** The tenants that get most requests have started by then. */
const WARM_UP_MS = 10_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isFinite(seed)) {
  throw new Error("npm run soak -- [--minutes N] [--seed S]");
}
const user = isRoot ? "root" : "an ordinary user";
const memory = Math.round(totalmem() / 2 ** 30);
console.log(
  `${minutes} minutes, seed ${seed}, ${user}; Linux ${release()}, ${cpus().length} processors, ${memory} GB`,
);

const verdict = new Verdict();
/** By phase; it shows whether other programs of the machine disturbed the figures. */
const pressures = new Map<string, number>();
const port = freePort();
const listener = holdSocket(port);
const ten = await startTen({ ...population(), listener });
try {
  await soak(ten);
  const names = hostNames(ten.dataDir);
  await ten.stop();
  verdict.ended(remainsOf(ten.root, names));
} catch (error) {
  console.log(`The server said:\n${ten.output}`);
  throw error;
} finally {
  await ten[Symbol.asyncDispose]();
  closeSync(listener);
}
console.log(verdict.render());
process.exit(verdict.isGood ? 0 : 1);

async function soak(ten: Ten): Promise<void> {
  const random = randomFrom(seed);
  const outages = new Outages();
  const client = new Client({ kind: "unix", path: join(ten.dataDir, "tenement.sock") });
  const witness = new Witness({ port, random: randomFrom(random.below(2 ** 32)), outages });
  const { moment } = witness;
  const attacks = new Attacks({ client, outages, moment });
  const disturbances = new Disturbances({ ten, random, outages, moment });
  await attacks.prepare();

  await delay(WARM_UP_MS);
  witness.phase = "calm";
  await measurePressure("calm", () => delay(minutes * CALM_PART * 60_000));
  const begin = usageOf(ten.pid);

  console.log("The hostile phase begins");
  witness.phase = "hostile";
  const over = new AbortController();
  const strangers = beginStrangers(random.below(2 ** 32));
  const work = [attacks.run(over.signal), disturbances.run(over.signal)];
  await measurePressure("hostile", () => delay(minutes * (1 - CALM_PART) * 60_000));
  over.abort();
  await Promise.all(work);
  witness.phase = "quiet";
  strangers.kill("SIGKILL");
  await strangers.exited;

  const stuck = await attacks.end();
  await witness.stop();
  verdict.requests(witness, outages);
  verdict.machine(pressures);
  verdict.operations({ attacks, disturbances, stuck: [...stuck, ...(await restless(client))] });
  const descriptorsMax = begin.descriptors + DESCRIPTORS_SLACK;
  // Connections of strangers who are gone end with their timeouts.
  await until("descriptors are closed", () => usageOf(ten.pid).descriptors <= descriptorsMax).catch(
    () => null,
  );
  verdict.usage(begin, usageOf(ten.pid), describeDescriptors(ten.pid));
  verdict.lines(await witness.checkLogs(client));
  verdict.writes(witness.checkFiles(ten.dataDir));
  verdict.output(ten.output);
}

async function measurePressure(phase: string, act: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const before = waitedMs();
  await act();
  const after = waitedMs();
  if (before === null || after === null) return;
  pressures.set(phase, (after - before) / (performance.now() - startedAt));
}

/** A process of its own, which gives way: on another machine the floods would take none of this one's processors. */
function beginStrangers(seed: number): Bun.Subprocess {
  const program = join(import.meta.dir, "strangers.ts");
  return Bun.spawn(["nice", process.execPath, program, String(port), String(seed)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Well-behaved tenants that neither run nor sleep in the end, although nobody disturbs them any more. */
async function restless(client: Client): Promise<readonly string[]> {
  const list = async () => {
    const all = await client.call("listInstances", { query: { all: "true" } } as never);
    return all.filter(({ service, state }) => {
      return service === "calm" ? !["running", "asleep"].includes(state) : state !== "stopped";
    });
  };
  await until("all are at rest or run", async () => (await list()).length === 0).catch(() => null);
  return (await list()).map(({ id, state, reason }) => `${id} is ${state}: ${reason}`);
}
