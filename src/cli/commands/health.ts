// ten health: prints the health of an instance.
import { defineCommand } from "../command.ts";
import { REF, refParams } from "./operands.ts";

export const health = defineCommand({
  meta: {
    description:
      "Prints the health of an instance: healthy, degraded, unhealthy, unknown before its first check, or its state while it is at rest.",
    examples: ["health notes:alice"],
  },
  args: { ref: REF },
  async run({ args: { ref }, data: context }) {
    const answer = await context.client().call("getHealth", { params: refParams(ref) });
    context.show(answer, () => `${answer.instance}: ${answer.health}\n`);
  },
});
