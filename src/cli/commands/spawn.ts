// ten spawn: registers instances, starts them and prints their addresses.
import { RemoteError } from "../../control/client/transport.ts";
import type { SpawnAnswer } from "../../control/wire/instances.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef } from "../../core/ref.ts";
import { defineCommand } from "../command.ts";
import { parsePairs, valuesOf } from "../parse.ts";
import { forEachRef } from "./each-ref.ts";
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
      description: "Environment variable; may be repeated",
    },
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
    const env = parsePairs(valuesOf("env", rawArgs));
    const wishes = {
      ...(args.env === undefined ? {} : { env }),
      ...(args.weight === undefined ? {} : { weight: parseWeight(args.weight) }),
      start: args.start,
    };
    const client = context.client();
    await forEachRef(args._, {
      perform: ({ service, id }) =>
        client
          .call("spawnInstance", { body: { process: service, id, ...wishes } })
          .catch((thrown) => {
            throw explain(thrown, formatRef({ service, id }));
          }),
      print: (answer) => context.showResult(answer, renderSpawned(answer)),
    });
  },
});

function renderSpawned({ instance, url, socket, state }: SpawnAnswer): string {
  if (state === "running") return `${instance} is ready at ${url}${socket && ` (${socket})`}`;
  return `${instance} is registered and ${state}; its address is ${url}`;
}

/** A failed start is not the end of it: says so where the server has no better advice. */
function explain(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof RemoteError) || thrown.code !== "START_FAILED") return thrown;
  const { message, code, log = [] } = thrown;
  const hint =
    thrown.hint ??
    `See what the server does about it with ten why ${name}, and its output with ten logs ${name}`;
  return new TenError(code, message, { hint, log });
}
