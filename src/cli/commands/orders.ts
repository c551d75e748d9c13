// ten start, stop, sleep, restart, disable and enable: orders to instances, which answer with their new state.
import type { InstanceAnswer } from "../../control/wire/instances.ts";
import { formatRef } from "../../core/ref.ts";
import { type Command, defineCommand } from "../command.ts";
import { renderSafe } from "../output.ts";
import { forEachRef } from "./each-ref.ts";
import { explainFailedStart } from "./failed-start.ts";
import { REFS } from "./operands.ts";

type Order = "start" | "stop" | "sleep" | "restart" | "disable" | "enable";

export const start = defineOrder(
  "start",
  "Starts instances, also stopped and failed ones, and waits until they are ready.",
);

export const stop = defineOrder(
  "stop",
  "Stops instances. They stay stopped, despite requests and restarts of the server, until ten start.",
);

export const sleep = defineOrder(
  "sleep",
  "Puts instances to sleep at once. The next request wakes them.",
);

export const restart = defineOrder(
  "restart",
  "Stops instances and starts them again; waits until they are ready.",
);

export const disable = defineOrder(
  "disable",
  "Stops instances and answers their requests with 503 until ten enable.",
);

export const enable = defineOrder(
  "enable",
  "Takes disabled instances back into traffic: the next request wakes them.",
);

function defineOrder(order: Order, description: string): Command {
  return defineCommand({
    meta: { description, examples: [`${order} notes:alice`, `${order} notes:alice notes:bob`] },
    args: { ref: REFS },
    async run({ args: { _: names }, data: context }) {
      const client = context.client();
      await forEachRef(names, {
        perform: (ref) =>
          client.call(`${order}Instance`, { params: { ref: formatRef(ref) } }).catch((thrown) => {
            throw explainFailedStart(ref, thrown);
          }),
        print: (answer) => context.showResult(answer, renderOutcome(answer)),
      });
    },
  });
}

function renderOutcome(answer: InstanceAnswer): string {
  const warnings = answer.warnings.map((warning) => `warning: ${renderSafe(warning)}`);
  return [renderState(answer), ...warnings].join("\n");
}

function renderState({ id, state, url, socket }: InstanceAnswer): string {
  if (state !== "running") return `${id} is ${state}`;
  return `${id} is running at ${url}${socket === null ? "" : ` (${socket})`}`;
}
