import { expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "../../src/control/client/client.ts";
import type { InstanceAnswer } from "../../src/control/wire/instances.ts";
import { listProcesses } from "../../src/platform/process/processes.ts";
import { type Random, seededRandom } from "../support/random.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const KILLS = 50;
const STOPS = 15;
/** Of the time that a change took when nothing cut it short: kills fall before, into and after it. */
const MOMENTS_PART_MAX = 1.3;
/** A busy machine takes a second or two for each start of the server. */
const PATIENCE_MS = 180_000;
// At the level at which marks can be read, whoever runs the tests.
const configText = appConfig('idle_timeout = 0\nisolation = "process"');

type Weights = Readonly<Record<string, number>>;

interface Change {
  /** Changes of one kind take about as long as each other. */
  readonly kind: string;
  readonly name: string;
  /** Weights that there may be after it, apart from those before it. */
  readonly after: Weights;
  perform(client: Client): Promise<unknown>;
}

function planDeploy({ weights, random }: { weights: Weights; random: Random }): Change {
  const weight = random.below(101);
  return {
    kind: "v3" in weights ? "deploy what runs" : "deploy anew",
    name: `deploy v3 ${weight}`,
    after: { ...weights, v3: weight },
    perform: (client) => client.call("deploy", { body: { process: "app", version: "v3", weight } }),
  };
}

function planRoute({ weights, random }: { weights: Weights; random: Random }): Change {
  const [from, to] = random.pick([
    ["v1", "v2"],
    ["v2", "v1"],
  ] as const);
  const sum = Math.min((weights[from] ?? 0) + (weights[to] ?? 0), 100);
  return {
    kind: "route",
    name: `route ${from} ${to}`,
    after: { ...weights, [from]: 0, [to]: sum },
    perform: (client) => client.call("route", { body: { process: "app", from, to } }),
  };
}

function planRollout({ weights, random }: { weights: Weights; random: Random }): Change {
  const parallel = 1 + random.below(2);
  return {
    kind: "rollout",
    name: `rollout ${parallel}`,
    after: weights,
    perform: (client) => Array.fromAsync(client.rollout({ process: "app", parallel })),
  };
}

const PLANS = [planDeploy, planRoute, planRollout];

/** How long each kind of change takes on this machine, as busy as it is. */
class Pace {
  readonly #tookMs = new Map<string, number>();

  /** Measures each kind once, and leaves the same instances. */
  static async of(ten: Ten, random: Random): Promise<Pace> {
    const pace = new Pace();
    const client = clientOf(ten);
    for (const plan of [...PLANS, planDeploy]) {
      const weights = weightsOf(await client.call("listInstances", { query: { all: "true" } }));
      const { kind, perform } = plan({ weights, random });
      const startedAt = performance.now();
      await perform(client);
      pace.#tookMs.set(kind, performance.now() - startedAt);
    }
    await client.call("deleteInstance", {
      params: { ref: "app:v3" },
      query: { unregister: "true" },
    });
    return pace;
  }

  /** Waits until some moment of a change that has just begun, or shortly after it. */
  moment(kind: string, random: Random): Promise<void> {
    return delay((this.#tookMs.get(kind) ?? 0) * random.next() * MOMENTS_PART_MAX);
  }
}

const clientOf = (ten: Ten) => new Client({ kind: "unix", path: `${ten.dataDir}/tenement.sock` });

const weightsOf = (instances: readonly InstanceAnswer[]): Weights =>
  Object.fromEntries(instances.map(({ instance, weight }) => [instance, weight]));

/** The slots of each instance in which something lives, by the marks of all processes of the machine. */
async function slotsOf(ten: Ten): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const slots = new Map<string, Set<string>>();
  for (const { mark, zombie } of await listProcesses()) {
    const [, id, slot] = /\/app\/([^/]+)#([01])$/.exec(mark ?? "") ?? [];
    if (!mark?.startsWith(`${ten.dataDir}/`) || zombie || id === undefined) continue;
    slots.set(id, (slots.get(id) ?? new Set()).add(slot ?? ""));
  }
  return slots;
}

/** Every instance that runs has one process, every other none; nothing is on its way any more. */
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

test(
  `a server killed at ${KILLS} moments of deploys, routes and rollouts leaves nothing half done`,
  () =>
    withTen({ configText }, async (ten) => {
      const random = seededRandom("killed deploys");
      await ten.must("spawn", "app:v1", "app:v2");
      const pace = await Pace.of(ten, random);
      const cut = { before: 0, after: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const client = clientOf(ten);
        const weights = weightsOf(await client.call("listInstances", { query: { all: "true" } }));
        const plan = random.pick(PLANS);
        const { kind, name, after, perform } = plan({ weights, random });
        const outcome = perform(client).then(
          () => "done",
          () => "cut off",
        );
        await pace.moment(kind, random);
        await ten.kill9();
        const ended = await outcome;
        await ten.start();
        const next = clientOf(ten);
        const found = await until(`all is settled after "${name}", ${ended}`, async () => {
          const instances = await next.call("listInstances", { query: { all: "true" } });
          return (await isSettled(ten, instances)) && instances;
        });
        const allowed = [
          weights,
          after,
          ...(name.startsWith("deploy") ? [{ v3: 0, ...weights }] : []),
        ];
        expect(allowed).toContainEqual(weightsOf(found));
        if (ended === "done") expect(weightsOf(found)).toEqual(after);
        cut[ended === "done" ? "after" : "before"]++;
        expect((await ten.get("v1.app.localhost", "/")).text).toBe("hello from v1");
        if (random.below(3) === 0 && "v3" in weightsOf(found)) {
          await next.call("deleteInstance", {
            params: { ref: "app:v3" },
            query: { unregister: "true" },
          });
        }
      }
      // Most kills cut something short, or they prove little.
      expect(cut.before).toBeGreaterThan(KILLS / 4);
      expect(cut.after).toBeGreaterThan(0);
    }),
  PATIENCE_MS,
);

test(
  "a server that stops in the middle of them leaves no process, and the weights before or after",
  () =>
    withTen({ configText }, async (ten) => {
      const random = seededRandom("stopped deploys");
      await ten.must("spawn", "app:v1", "app:v2");
      const pace = await Pace.of(ten, random);
      for (let stop = 0; stop < STOPS; stop++) {
        const client = clientOf(ten);
        const weights = weightsOf(await client.call("listInstances", { query: { all: "true" } }));
        const plan = random.pick(PLANS);
        const { kind, after, perform } = plan({ weights, random });
        const ended = perform(client).catch(() => undefined);
        await pace.moment(kind, random);
        expect(await ten.stop()).toBe(0);
        await ended;
        expect([...(await slotsOf(ten)).keys()]).toEqual([]);
        await ten.start();
        const found = weightsOf(
          await clientOf(ten).call("listInstances", { query: { all: "true" } }),
        );
        expect([weights, after, { v3: 0, ...weights }]).toContainEqual(found);
      }
    }),
  PATIENCE_MS,
);
