// ten weight: sets an instance's share of its service's traffic.
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import { parseWeight, REF, refParams } from "./operands.ts";

export const weight = defineCommand({
  meta: {
    description:
      "Sets the weight of an instance: its share of its service's traffic is its weight over the sum of all. With 0 it gets none, but its own address still reaches it.",
    examples: ["weight notes:v2 10"],
  },
  args: { ref: REF, weight: { ...OPERAND, valueHint: "0..100" } },
  async run({ args, data: context }) {
    const request = { params: refParams(args.ref), body: { weight: parseWeight(args.weight) } };
    const answer = await context.client().call("setWeight", request);
    context.showResult(answer, `${answer.instance} has weight ${answer.weight}`);
  },
});
