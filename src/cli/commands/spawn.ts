// ten spawn: registers instances, starts them and prints their addresses.
import type { SpawnAnswer } from "../../control/wire/instances.ts";
import { defineCommand } from "../command.ts";
import { valuesOf } from "../parse.ts";
import { ENV_FILE_ARG, readVariables } from "../variables.ts";
import { forEachRef } from "./each-ref.ts";
import { explainFailedStart } from "./failed-start.ts";
import { parseWeight, REFS } from "./operands.ts";

export const spawn = defineCommand({
  meta: {
    description:
      "Registers instances and starts them, waits until they are ready and prints their addresses.\nAn instance that is not ready in time is an error; the server tries again later.",
    examples: ["spawn notes:alice notes:bob", "spawn notes:v2 --weight 0 --env COLOR=blue"],
  },
  args: {
    ref: REFS,
    env: {
      type: "string",
      repeated: true,
      alias: "e",
      valueHint: "K=V",
      description: "Environment variable; K=- reads its value from standard input; may be repeated",
    },
    "env-file": ENV_FILE_ARG,
    weight: {
      type: "string",
      valueHint: "N",
      description: "Share of the service's traffic, 0 to 100",
    },
    start: {
      type: "boolean",
      default: true,
      negativeDescription: "Only register: the first request starts it",
    },
  },
  async run({ args, rawArgs, data: context }) {
    const pairs = valuesOf("env", rawArgs);
    const files = valuesOf("env-file", rawArgs);
    const env = await readVariables({ pairs, files }, context);
    const wishes = {
      ...(pairs.length + files.length === 0 ? {} : { env }),
      ...(args.weight === undefined ? {} : { weight: parseWeight(args.weight) }),
      start: args.start,
    };
    const client = context.client();
    await forEachRef(args._, {
      perform: (ref) =>
        client
          .call("spawnInstance", { body: { process: ref.service, id: ref.id, ...wishes } })
          .catch((thrown) => {
            throw explainFailedStart(ref, thrown);
          }),
      print: (answer) => context.showResult(answer, renderSpawned(answer)),
    });
  },
});

function renderSpawned({ instance, url, socket, state }: SpawnAnswer): string {
  if (state === "running") return `${instance} is ready at ${url}${socket && ` (${socket})`}`;
  return `${instance} is registered and ${state}; its address is ${url}`;
}
