// Deploys, routes and rollouts that a killed or stopped server cuts off, in each of their phases.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../src/control/client/client.ts";
import type { InstanceAnswer } from "../../src/control/wire/instances.ts";
import { livingMarks } from "../support/remains.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { PHASED_COMMAND } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

// At level process any user can read the marks of tenants.
const configText = `[settings]
health_check_interval = 600
[service.app]
command = "${PHASED_COMMAND}"
isolation = "process"
health = "/health"
startup_timeout = 60
idle_timeout = 0
`;

type Weights = Readonly<Record<string, number>>;

const BEFORE: Weights = { v1: 100, v2: 50 };

interface Change {
  readonly after: Weights;
  /** Whether v2 sleeps before it. */
  readonly wakes: boolean;
  perform(client: Client): Promise<unknown>;
}

const DEPLOY: Change = {
  after: { ...BEFORE, v3: 40 },
  wakes: false,
  perform: (client) =>
    client.call("deploy", { body: { process: "app", version: "v3", weight: 40 } }),
};

const ROUTE: Change = {
  after: { v1: 0, v2: 100 },
  wakes: true,
  perform: (client) => client.call("route", { body: { process: "app", from: "v1", to: "v2" } }),
};

const rollout = (parallel: number): Change => ({
  after: BEFORE,
  wakes: false,
  perform: (client) => Array.fromAsync(client.rollout({ process: "app", parallel })),
});

/** The moment at which the server is killed or stopped; without a phase and a drain the change is done. */
interface Moment {
  readonly phase?: string;
  /** The process goes on, but the database is locked, so that the change can't be committed. */
  readonly isLocked?: true;
  /** A request keeps the former process of v1 while the next one serves. */
  readonly isDraining?: true;
  /** The weights are those after the change. */
  readonly isCommitted?: true;
}

const DONE: Moment = { isCommitted: true };

const CUTS: readonly (readonly [name: string, change: Change, moment: Moment])[] = [
  ["a deploy whose process is launched", DEPLOY, { phase: "launched v3" }],
  ["a deploy whose process is probed", DEPLOY, { phase: "probed v3" }],
  ["a deploy about to be committed", DEPLOY, { phase: "probed v3", isLocked: true }],
  ["a deploy that is done", DEPLOY, DONE],
  ["a route whose target is launched", ROUTE, { phase: "launched v2" }],
  ["a route whose target is probed", ROUTE, { phase: "probed v2" }],
  ["a route about to be committed", ROUTE, { phase: "probed v2", isLocked: true }],
  ["a route whose source stops", ROUTE, { phase: "asked to stop v1", isCommitted: true }],
  ["a route that is done", ROUTE, DONE],
  ["a rollout that has launched its first process", rollout(1), { phase: "launched v1" }],
  ["a rollout that probes its first process", rollout(1), { phase: "probed v1" }],
  ["a rollout whose first process is drained", rollout(1), { isDraining: true }],
  ["a rollout whose first process stops", rollout(1), { phase: "asked to stop v1" }],
  ["a rollout that has launched its second process", rollout(1), { phase: "launched v2" }],
  ["a rollout whose second process stops", rollout(1), { phase: "asked to stop v2" }],
  ["a rollout of two at a time that has launched one", rollout(2), { phase: "launched v1" }],
  ["a rollout of two at a time, one of which stops", rollout(2), { phase: "asked to stop v2" }],
  ["a rollout that is done", rollout(1), DONE],
];

const clientOf = (ten: Ten) => new Client({ kind: "unix", path: `${ten.dataDir}/tenement.sock` });

async function processOf(ten: Ten, id: string): Promise<string> {
  return (await ten.get(`${id}.app.localhost`, "/process")).text;
}

/** The slots of each instance that have a process, by the marks of all processes of the machine. */
async function slotsOf(ten: Ten): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const slots = new Map<string, Set<string>>();
  for (const mark of livingMarks()) {
    const [, id, slot] = /\/app\/([^/]+)#([01])$/.exec(mark) ?? [];
    if (!mark.startsWith(`${ten.dataDir}/`) || id === undefined) continue;
    slots.set(id, (slots.get(id) ?? new Set()).add(slot ?? ""));
  }
  return slots;
}

/** Whether every running instance has one process and every other one none, and no state is transient. */
async function isSettled(ten: Ten, instances: readonly InstanceAnswer[]): Promise<boolean> {
  const slots = await slotsOf(ten);
  const known = new Set(instances.map(({ instance }) => instance));
  return (
    [...slots.keys()].every((id) => known.has(id)) &&
    instances.every(({ instance, state }) => {
      const living = slots.get(instance)?.size ?? 0;
      return state === "running" ? living === 1 : state === "asleep" && living === 0;
    })
  );
}

/** A change that is kept at its moment. */
interface Kept {
  /** Lets the processes go on. */
  release(): void;
  readonly outcome: Promise<Outcome>;
}

/** "cut off": the server exited before it answered. */
type Outcome = "done" | "cut off";

async function begin(ten: Ten, change: Change, moment: Moment): Promise<Kept> {
  const client = clientOf(ten);
  await client.call("spawnInstance", { body: { process: "app", id: "v1" } });
  await client.call("spawnInstance", {
    body: { process: "app", id: "v2", weight: 50, start: !change.wakes },
  });
  const kept = new DisposableStack();
  const reached = moment.isDraining ? await drain(ten, kept) : hold(ten, moment, kept);
  const outcome = change.perform(client).then(
    (): Outcome => "done",
    (): Outcome => "cut off",
  );
  await (reached === null ? outcome : reached());
  return { outcome, release: () => kept.dispose() };
}

/** Holds a process in the phase of the moment; null: it has none. The function resolves once the moment is reached. */
function hold(
  ten: Ten,
  { phase, isLocked }: Moment,
  kept: DisposableStack,
): (() => Promise<void>) | null {
  if (phase === undefined) return null;
  const [held, reached] = [join(ten.root, "hold"), join(ten.root, "reached")];
  writeFileSync(held, phase);
  kept.defer(() => rmSync(held, { force: true }));
  return async () => {
    await until(phase, () => existsSync(reached));
    if (!isLocked) return;
    const database = kept.adopt(new Database(`${ten.dataDir}/tenement.db`), (each) => each.close());
    database.run("BEGIN IMMEDIATE");
    rmSync(held);
    await until("the probe is answered", () => !existsSync(reached));
  };
}

/** Opens a request to v1. The function resolves once another process serves. */
async function drain(ten: Ten, kept: DisposableStack): Promise<() => Promise<void>> {
  const former = await processOf(ten, "v1");
  const request = await ten.open("v1.app.localhost", "/silence");
  request.on("error", () => undefined).resume();
  kept.defer(() => void request.destroy());
  return async () => {
    await until("the next process serves", async () => (await processOf(ten, "v1")) !== former);
  };
}

async function settledWeights(ten: Ten): Promise<Weights> {
  const instances = await until("all is settled", async () => {
    const found = await clientOf(ten).call("listInstances", { query: { all: "true" } });
    return (await isSettled(ten, found)) && found;
  });
  return Object.fromEntries(instances.map(({ instance, weight }) => [instance, weight]));
}

/** A new version may stay registered, without traffic. */
const weightsBefore = (change: Change): readonly Weights[] =>
  change === DEPLOY ? [BEFORE, { ...BEFORE, v3: 0 }] : [BEFORE];

test.each(CUTS)("a server killed during %s leaves nothing half done", (_, change, moment) =>
  withTen({ configText }, async (ten) => {
    const kept = await begin(ten, change, moment);
    await ten.kill9();
    kept.release();
    expect(await kept.outcome).toBe(moment === DONE ? "done" : "cut off");
    await ten.start();
    const allowed = moment.isCommitted ? [change.after] : weightsBefore(change);
    expect(allowed).toContainEqual(await settledWeights(ten));
    expect((await ten.get("v1.app.localhost", "/")).text).toBe("hello from v1");
  }),
);

const WITHOUT_LOCK = CUTS.filter(([, , { isLocked }]) => !isLocked);

test.each(WITHOUT_LOCK)(
  "a server that stops during %s leaves no process, and the weights before or after",
  (_, change, moment) =>
    withTen({ configText }, async (ten) => {
      const kept = await begin(ten, change, moment);
      const stopped = ten.stop();
      kept.release();
      expect(await stopped).toBe(0);
      expect([...(await slotsOf(ten)).keys()]).toEqual([]);
      const isDone = moment.isCommitted || (await kept.outcome) === "done";
      await ten.start();
      const allowed = isDone ? [change.after] : [...weightsBefore(change), change.after];
      expect(allowed).toContainEqual(await settledWeights(ten));
    }),
);
