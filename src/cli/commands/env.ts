// ten env: sets, unsets and lists the environment variables that are stored for an instance.
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { renderSafe } from "../output.ts";
import { usage, valuesOf } from "../parse.ts";
import { ENV_FILE_ARG, readVariables } from "../variables.ts";
import { REF, refParams } from "./operands.ts";

export const envSet = defineCommand({
  meta: {
    description:
      "Stores environment variables for an instance, over those of its service. They are applied at its next start.\nOther users of the host can read arguments: give a secret by NAME=- (standard input) or by a file.",
    examples: [
      "env set notes:alice GREETING=hello COLOR=green",
      "env set notes:alice TOKEN=- < token.txt",
      "env set notes:alice --env-file alice.env",
    ],
  },
  args: {
    ref: REF,
    pair: { ...OPERAND, required: false, valueHint: "NAME=VALUE", repeated: true },
    "env-file": ENV_FILE_ARG,
  },
  async run({ args: { ref, _: operands }, rawArgs, data: context }) {
    const [, ...pairs] = operands;
    const files = valuesOf("env-file", rawArgs);
    if (pairs.length + files.length === 0) {
      throw usage('Cannot run "env set": NAME=VALUE is missing', "See ten env set --help");
    }
    await change(ref, { changes: await readVariables({ pairs, files }, context), context });
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
      "Lists the environment variables that are stored for an instance. Values that may be secret are masked.",
    examples: ["env ls notes:alice", "env ls notes:alice --reveal"],
  },
  args: {
    ref: REF,
    reveal: { type: "boolean", description: "Show all values; the audit trail records it" },
  },
  async run({ args: { ref, reveal }, data: context }) {
    const query = reveal ? { reveal: "true" as const } : {};
    const { env } = await context.client().call("getEnv", { params: refParams(ref), query });
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
