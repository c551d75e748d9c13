// Tokens and the audit trail on the wire.
import { z } from "zod";
import { EMPTY, json, type Operations } from "./operation.ts";
import { count, label, limit, moment } from "./wire.ts";

const DESCRIPTION_CHARS_MAX = 200;
const AUDIT_ROWS_MAX = 10_000;

const token = {
  id: count,
  tenant: label.nullable().describe("Null: an administrator's"),
  description: z.string(),
  created_at: moment,
};

export const tokenAnswer = z.strictObject(token).meta({ id: "Token" });
export type TokenAnswer = z.output<typeof tokenAnswer>;

export const newTokenAnswer = z
  .strictObject({ ...token, token: z.string().describe("The token itself; it is not shown again") })
  .meta({ id: "NewToken" });
export type NewTokenAnswer = z.output<typeof newTokenAnswer>;

export const tokenBody = z.strictObject({
  tenant: label
    .nullish()
    .describe("Only for the instances with this id; left out: an administrator's"),
  description: z
    .string("expected a text")
    .max(DESCRIPTION_CHARS_MAX, `expected at most ${DESCRIPTION_CHARS_MAX} characters`)
    .optional()
    .describe("Its purpose"),
});
export type TokenBody = z.input<typeof tokenBody>;

export const auditQuery = z.strictObject({ limit: limit(AUDIT_ROWS_MAX).optional() });

export const auditAnswer = z
  .strictObject({
    at: moment,
    actor: z
      .string()
      .describe("socket, a token by its number (token 3), shell, server or stranger"),
    action: z.string(),
    subject: z.string().describe("several, where the refusals in a row had different ones"),
    outcome: z.string().describe("done, the code of the error, or why the server did it"),
    count: count.describe(
      "Above 1: refusals of this actor and action within the minute, in one row",
    ),
  })
  .meta({ id: "AuditRow" });
export type AuditAnswer = z.output<typeof auditAnswer>;

export const TOKEN_OPERATIONS = {
  listTokens: {
    summary: "List API tokens and their purposes, without the tokens themselves",
    action: "tokens",
    answer: json(z.array(tokenAnswer)),
  },
  createToken: {
    summary: "Create an API token",
    action: "create-token",
    body: tokenBody,
    answer: json(newTokenAnswer, 201),
  },
  revokeToken: {
    summary: "Revoke an API token, and close its open streams",
    action: "revoke-token",
    answer: EMPTY,
  },
  listAudit: {
    summary: "List changes with their authors and outcomes, newest first",
    action: "audit",
    query: auditQuery,
    answer: json(z.array(auditAnswer)),
  },
} as const satisfies Operations;
