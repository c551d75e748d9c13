// ten rm: stops instances and forgets them, with or without their data.
import { formatRef } from "../../core/ref.ts";
import { defineCommand } from "../command.ts";
import { forEachRef } from "./each-ref.ts";
import { REFS } from "./operands.ts";

export const rm = defineCommand({
  meta: {
    description:
      "Stops instances and forgets them. Unless --purge, their data directories stay for later instances of the same name.",
    examples: ["rm notes:alice", "rm --purge notes:test1 notes:test2"],
  },
  args: {
    ref: REFS,
    purge: { type: "boolean", description: "Also delete their data directories and logs" },
  },
  async run({ args: { _: names, purge = false }, data: context }) {
    const client = context.client();
    const query = purge ? ({ purge: "true" } as const) : ({ unregister: "true" } as const);
    await forEachRef(names, {
      perform: (ref) => client.call("deleteInstance", { params: { ref: formatRef(ref) }, query }),
      print: (_, name) =>
        context.say(`${name} is removed${purge ? " with all its data" : "; its data is kept"}`),
    });
  },
});
