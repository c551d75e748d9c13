// ten env: environment variables that are stored for an instance.
import { parseRef } from "../core/ref.ts";
import { defineCommand } from "./command.ts";
import type { Context } from "./context.ts";
import { REF } from "./each-ref.ts";
import { renderSafe } from "./output.ts";
import { parsePairs } from "./parse.ts";

export const envSet = defineCommand({
  about:
    "Stores environment variables for an instance, over those of its service. They are applied at its next start.",
  operands: [REF, { name: "NAME=VALUE", kind: "text", repeated: true }],
  flags: {},
  examples: ["env set notes:alice GREETING=hello TOKEN=s3cret"],
  async run({ operands: [name = "", ...pairs], context }) {
    await change(name, { changes: parsePairs(pairs), context });
  },
});

export const envUnset = defineCommand({
  about:
    "Removes stored environment variables of an instance. What its service sets holds again from its next start.",
  operands: [REF, { name: "NAME", kind: "text", repeated: true }],
  flags: {},
  examples: ["env unset notes:alice GREETING"],
  async run({ operands: [name = "", ...names], context }) {
    await change(name, { changes: Object.fromEntries(names.map((key) => [key, null])), context });
  },
});

export const envLs = defineCommand({
  about:
    "Lists the environment variables that are stored for an instance; secret values are masked.",
  operands: [REF],
  flags: {},
  examples: ["env ls notes:alice"],
  async run({ operands: [name = ""], context }) {
    const { env } = await context.client().env(parseRef(name));
    context.show(env, () =>
      Object.entries(env)
        .map(([key, value]) => `${key}=${renderSafe(value)}\n`)
        .join(""),
    );
  },
});

async function change(
  name: string,
  { changes, context }: { changes: Readonly<Record<string, string | null>>; context: Context },
): Promise<void> {
  const answer = await context.client().changeEnv(parseRef(name), changes);
  if (context.json) context.show(answer.env, () => "");
  else context.say(`Stored; applied at the next start of ${name} (ten restart ${name})`);
}
