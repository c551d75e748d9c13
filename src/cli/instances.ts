// Commands that move instances from state to state, weigh them, or ask for their health.
import type { Order } from "../control/client.ts";
import type { InstanceAnswer } from "../control/wire.ts";
import { parseRef } from "../core/ref.ts";
import { type Command, defineCommand } from "./command.ts";
import { forEachRef, REF, REFS } from "./each-ref.ts";
import { parseWeight } from "./spawn.ts";

export const start = defineOrder("start", {
  about:
    "Starts instances, also those that were stopped or have failed, and waits until they are ready.",
});

export const stop = defineOrder("stop", {
  about:
    "Stops instances. They stay stopped, also for requests and over restarts of the server, until ten start.",
});

export const sleep = defineOrder("sleep", {
  about: "Puts instances to sleep at once. The next request wakes them.",
});

export const restart = defineOrder("restart", {
  about: "Stops instances and starts them again, waiting until they are ready.",
});

export const disable = defineOrder("disable", {
  about: "Stops instances and has their requests answered with 503 until ten enable.",
});

export const enable = defineOrder("enable", {
  about: "Ends the disabling of instances: the next request wakes them.",
});

export const rm = defineCommand({
  about:
    "Stops instances and forgets them. Their data directories stay, for an instance of the same name later, unless --purge.",
  operands: [REFS],
  flags: { purge: { kind: "switch", about: "Also delete their data directories and logs" } },
  examples: ["rm notes:alice", "rm --purge notes:test1 notes:test2"],
  async run({ operands, flags: { purge }, context }) {
    const client = context.client();
    await forEachRef(operands, {
      perform: (ref) => client.remove(ref, { purge }),
      print: (_, name) =>
        context.say(`${name} is removed${purge ? " with all its data" : "; its data is kept"}`),
    });
  },
});

export const weight = defineCommand({
  about:
    "Sets the weight of an instance: its share of its service's traffic is its weight over the sum of all. With 0 it gets none, but its own address still reaches it.",
  operands: [REF, { name: "0..100", kind: "text" }],
  flags: {},
  examples: ["weight notes:v2 10"],
  async run({ operands: [name = "", text = ""], context }) {
    const answer = await context.client().weigh(parseRef(name), parseWeight(text));
    if (context.json) context.show(answer, () => "");
    else context.say(`${answer.instance} has weight ${answer.weight}`);
  },
});

export const health = defineCommand({
  about:
    "Prints the health of an instance: healthy, degraded, unhealthy, unknown before its first check, or the state that it rests in.",
  operands: [REF],
  flags: {},
  examples: ["health notes:alice"],
  async run({ operands: [name = ""], context }) {
    const answer = await context.client().health(parseRef(name));
    context.show(answer, () => `${answer.instance}: ${answer.health}\n`);
  },
});

function defineOrder(order: Order, { about }: { about: string }): Command {
  return defineCommand({
    about,
    operands: [REFS],
    flags: {},
    examples: [`${order} notes:alice`, `${order} notes:alice notes:bob`],
    async run({ operands, context }) {
      const client = context.client();
      await forEachRef(operands, {
        perform: (ref) => client.order(ref, order),
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
