// ten token-gen, ten token ls and ten token revoke, at the server or, while none runs, in its database.
import type { Client } from "../../control/client/client.ts";
import type { NewTokenAnswer, TokenAnswer, TokenBody } from "../../control/wire/tokens.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { isLabel, LABEL_RULE } from "../../core/ref.ts";
import { replaceFile } from "../../platform/files.ts";
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { type Column, renderSafe, renderTable } from "../output.ts";
import { parseInteger, usage } from "../parse.ts";

export const tokenGen = defineCommand({
  meta: {
    description:
      "Creates an API token and prints it; it is not shown again. An administrator's token is also written to api_token in the data directory, where ten finds it.",
    examples: ["token-gen", 'token-gen --tenant alice --description "status page"'],
  },
  args: {
    tenant: { type: "string", valueHint: "ID", description: "Only for the instances with this id" },
    description: { type: "string", valueHint: "TEXT", description: "Its purpose" },
  },
  async run({ args: { tenant, description }, data: context }) {
    if (tenant !== undefined && !isLabel(tenant)) {
      throw usage(`Cannot create a token for "${tenant}": not a valid name`, `Use ${LABEL_RULE}`);
    }
    const body: TokenBody = {
      ...(tenant === undefined ? {} : { tenant }),
      ...(description === undefined ? {} : { description }),
    };
    const answer = await withTokens(context, (tokens) => tokens.create(body));
    const file = tenant === undefined ? writeToken(answer.token, context) : null;
    if (context.json) return context.show(answer, () => "");
    const whose = tenant === undefined ? "an administrator" : `the instances named ${tenant}`;
    context.say(`Token ${answer.id} for ${whose}; it is not shown again:\n`);
    context.shell.print(`  ${answer.token}\n`);
    if (file !== null) context.say(`\nWritten to ${file}`);
  },
});

export const tokenLs = defineCommand({
  meta: {
    description: "Lists API tokens and their purposes, without the tokens themselves.",
    examples: ["token ls"],
  },
  args: {},
  async run({ data: context }) {
    const rows = await withTokens(context, (tokens) => tokens.list());
    context.show(rows, () => renderTable(COLUMNS, rows));
  },
});

export const tokenRevoke = defineCommand({
  meta: {
    description: "Revokes an API token by its number in ten token ls. It is refused from then on.",
    examples: ["token revoke 3"],
  },
  args: { number: { ...OPERAND, valueHint: "NUMBER" } },
  async run({ args, data: context }) {
    const id = parseInteger(args.number, {
      name: "a token's number",
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
    });
    await withTokens(context, (tokens) => tokens.revoke(id));
    context.say(`Token ${id} is revoked`);
  },
});

const COLUMNS: readonly Column<TokenAnswer>[] = [
  { title: "NUMBER", align: "right", cell: ({ id }) => String(id) },
  { title: "FOR", cell: ({ tenant }) => (tenant === null ? "administrator" : `tenant ${tenant}`) },
  { title: "CREATED", cell: ({ created_at }) => `${created_at.slice(0, 19).replace("T", " ")}Z` },
  { title: "DESCRIPTION", cell: ({ description }) => renderSafe(description) },
];

/** Creates, lists and revokes tokens. */
interface Tokens {
  create(body: TokenBody): Promise<NewTokenAnswer>;
  list(): Promise<readonly TokenAnswer[]>;
  revoke(id: number): Promise<void>;
}

/** Uses the server, or its database while no server runs on this data directory. */
async function withTokens<Result>(
  context: Context,
  use: (tokens: Tokens) => Promise<Result>,
): Promise<Result> {
  const { target } = context;
  try {
    return await use(remoteTokens(context.client()));
  } catch (thrown) {
    const isDown = thrown instanceof TenError && thrown.code === "SERVER_UNREACHABLE";
    if (!isDown || target.kind === "http" || context.globals.server !== undefined) throw thrown;
  }
  const { openTenementDatabase } = await import("../../database/database.ts");
  const { OfflineTokens } = await import("./offline-tokens.ts");
  using database = openTenementDatabase(context.dataDir);
  return await use(new OfflineTokens(database));
}

function remoteTokens(client: Client): Tokens {
  return {
    create: (body) => client.call("createToken", { body }),
    list: () => client.call("listTokens"),
    revoke: (id) => client.call("revokeToken", { params: { token: String(id) } }),
  };
}

/** Replaces the file as a whole: a reader sees the old token or the new one. Null: the server is elsewhere. */
function writeToken(token: string, context: Context): string | null {
  if (context.target.kind === "http") return null;
  const file = `${context.dataDir}/api_token`;
  try {
    replaceFile(file, `${token}\n`, 0o600);
    return file;
  } catch (cause) {
    context.note(`warning: Cannot write "${file}": ${messageOf(cause)}`);
    return null;
  }
}
