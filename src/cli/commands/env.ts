// ten env: sets, unsets and lists the environment variables that are stored for an instance.
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { renderSafe } from "../output.ts";
import { parsePairs } from "../parse.ts";
import { REF, refParams } from "./operands.ts";

export const envSet = defineCommand({
  meta: {
    description:
      "Stores environment variables for an instance, over those of its service. They are applied at its next start.",
    examples: ["env set notes:alice GREETING=hello TOKEN=s3cret"],
  },
  args: { ref: REF, pair: { ...OPERAND, valueHint: "NAME=VALUE", repeated: true } },
  async run({ args: { ref, _: operands }, data: context }) {
    const [, ...pairs] = operands;
    await change(ref, { changes: parsePairs(pairs), context });
  },
});

export const envUnset = defineCommand({
  meta: {
    description:
      "Removes stored environment variables of an instance. From its next start the values of its service apply again.",
    examples: ["env unset notes:alice GREETING"],
  },
  args: { ref: REF, name: { ...OPERAND, valueHint: "NAME", repeated: true } },
  async run({ args: { ref, _: operands }, data: context }) {
    const [, ...names] = operands;
    await change(ref, { changes: Object.fromEntries(names.map((key) => [key, null])), context });
  },
});

export const envLs = defineCommand({
  meta: {
    description:
      "Lists the environment variables that are stored for an instance; secret values are masked.",
    examples: ["env ls notes:alice"],
  },
  args: { ref: REF },
  async run({ args: { ref }, data: context }) {
    const { env } = await context.client().call("getEnv", { params: refParams(ref) });
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
  const answer = await context
    .client()
    .call("patchEnv", { params: refParams(name), body: changes });
  context.showResult(
    answer.env,
    `Stored; applied at the next start of ${name} (ten restart ${name})`,
  );
}
