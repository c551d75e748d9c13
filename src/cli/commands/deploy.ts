// ten deploy: starts a version and gives it traffic once it is healthy.
import { parseRef } from "../../core/ref.ts";
import { defineCommand } from "../command.ts";
import { parseInteger } from "../parse.ts";
import { parseWeight, REF } from "./operands.ts";

export const deploy = defineCommand({
  meta: {
    description:
      "Starts an instance, registers it where needed, and gives it its share of its service's traffic once it is healthy; until then it gets none.\nA failed deploy changes nothing: a new instance is not registered, a known one keeps its weight and goes back to rest. The last lines that it wrote are shown.",
    examples: ["deploy notes:v2 --weight 10", "deploy notes:v2 --weight 0 --timeout 120"],
  },
  args: {
    ref: REF,
    weight: {
      type: "string",
      valueHint: "N",
      default: "100",
      description: "Share of the service's traffic, 0 to 100",
    },
    timeout: {
      type: "string",
      valueHint: "SECONDS",
      default: "30",
      description: "Time in which it has to become healthy",
    },
  },
  async run({ args, data: context }) {
    const { service, id } = parseRef(args.ref);
    const timeout = parseInteger(args.timeout, { name: "a timeout", min: 1, max: 3600 });
    const weight = parseWeight(args.weight);
    const body = { process: service, version: id, weight, timeout };
    const answer = await context.client().call("deploy", { body });
    context.showResult(
      answer,
      `${answer.instance} is ${answer.status} at ${answer.url} and has weight ${answer.weight}`,
    );
  },
});
