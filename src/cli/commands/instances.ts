// Commands that move instances from state to state, weigh them, or ask for their health.
import type { Order } from "../../control/client/client.ts";
import type { InstanceAnswer } from "../../control/wire/instances.ts";
import { parseRef } from "../../core/ref.ts";
import { OPERAND } from "../args.ts";
import { type Command, defineCommand } from "../command.ts";
import { forEachRef, REF, REFS } from "./each-ref.ts";
import { explainFailedStart } from "./failed-start.ts";
import { parseWeight } from "./spawn.ts";

export const start = defineOrder(
  "start",
  "Starts instances, also those that were stopped or have failed, and waits until they are ready.",
);

export const stop = defineOrder(
  "stop",
  "Stops instances. They stay stopped, also for requests and over restarts of the server, until ten start.",
);

export const sleep = defineOrder(
  "sleep",
  "Puts instances to sleep at once. The next request wakes them.",
);

export const restart = defineOrder(
  "restart",
  "Stops instances and starts them again, waiting until they are ready.",
);

export const disable = defineOrder(
  "disable",
  "Stops instances and has their requests answered with 503 until ten enable.",
);

export const enable = defineOrder(
  "enable",
  "Ends the disabling of instances: the next request wakes them.",
);

export const rm = defineCommand({
  meta: {
    description:
      "Stops instances and forgets them. Their data directories stay, for an instance of the same name later, unless --purge.",
    examples: ["rm notes:alice", "rm --purge notes:test1 notes:test2"],
  },
  args: {
    ref: REFS,
    purge: { type: "boolean", description: "Also delete their data directories and logs" },
  },
  async run({ args: { _: names, purge = false }, data: context }) {
    const client = context.client();
    await forEachRef(names, {
      perform: (ref) => client.remove(ref, { purge }),
      print: (_, name) =>
        context.say(`${name} is removed${purge ? " with all its data" : "; its data is kept"}`),
    });
  },
});

export const weight = defineCommand({
  meta: {
    description:
      "Sets the weight of an instance: its share of its service's traffic is its weight over the sum of all. With 0 it gets none, but its own address still reaches it.",
    examples: ["weight notes:v2 10"],
  },
  args: { ref: REF, weight: { ...OPERAND, valueHint: "0..100" } },
  async run({ args, data: context }) {
    const answer = await context.client().weigh(parseRef(args.ref), parseWeight(args.weight));
    if (context.json) context.show(answer, () => "");
    else context.say(`${answer.instance} has weight ${answer.weight}`);
  },
});

export const health = defineCommand({
  meta: {
    description:
      "Prints the health of an instance: healthy, degraded, unhealthy, unknown before its first check, or the state that it rests in.",
    examples: ["health notes:alice"],
  },
  args: { ref: REF },
  async run({ args: { ref }, data: context }) {
    const answer = await context.client().health(parseRef(ref));
    context.show(answer, () => `${answer.instance}: ${answer.health}\n`);
  },
});

function defineOrder(order: Order, description: string): Command {
  return defineCommand({
    meta: { description, examples: [`${order} notes:alice`, `${order} notes:alice notes:bob`] },
    args: { ref: REFS },
    async run({ args: { _: names }, data: context }) {
      const client = context.client();
      await forEachRef(names, {
        perform: (ref) =>
          client.order(ref, order).catch((thrown) => {
            throw explainFailedStart(ref, thrown);
          }),
        print: (answer) => {
          if (context.json) context.show(answer, () => "");
          else context.say(renderOutcome(answer));
        },
      });
    },
  });
}

function renderOutcome({ id, state, url, socket }: InstanceAnswer): string {
  if (state !== "running") return `${id} is ${state}`;
  return `${id} is running at ${url}${socket === null ? "" : ` (${socket})`}`;
}
