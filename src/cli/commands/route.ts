// ten route: moves the traffic of one version to another.
import { parseRef } from "../../core/ref.ts";
import { defineCommand } from "../command.ts";
import { usage } from "../parse.ts";
import { SERVICE } from "./operands.ts";

export const route = defineCommand({
  meta: {
    description:
      "Moves the traffic of one instance to another in one step, and adds its weight to the other's, up to 100. Starts the other first where needed; if it does not become ready, nothing moves.\nThe first one then finishes its requests and goes to sleep: its own address still wakes it, and the same command in the other direction moves its traffic back.",
    examples: ["route notes --from v1 --to v2"],
  },
  args: {
    service: SERVICE,
    from: { type: "string", valueHint: "ID", description: "Instance that has the traffic" },
    to: { type: "string", valueHint: "ID", description: "Instance that gets the traffic" },
  },
  async run({ args, data: context }) {
    const [from, to] = [needed(args.from, "--from"), needed(args.to, "--to")];
    for (const id of [from, to]) parseRef(`${args.service}:${id}`);
    const body = { process: args.service, from, to };
    const answer = await context.client().call("route", { body });
    context.showResult(
      answer,
      `${answer.to_instance} has weight ${answer.to_weight}\n` +
        `${answer.from_instance} has weight ${answer.from_weight} and has drained`,
    );
  },
});

function needed(value: string | undefined, flag: string): string {
  if (value !== undefined) return value;
  throw usage(`Cannot run "route": ${flag} is missing`, "See ten route --help");
}
