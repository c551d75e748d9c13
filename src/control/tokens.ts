// Handlers about tokens and the audit trail.
import { TenError } from "../core/errors.ts";
import type { TokenRow } from "../store/tokens.ts";
import { answerJson, answerNothing } from "./answer.ts";
import type { Call } from "./call.ts";
import {
  type AuditAnswer,
  auditQuery,
  type NewTokenAnswer,
  noQuery,
  type TokenAnswer,
  tokenBody,
} from "./wire.ts";

const AUDIT_ROWS_DEFAULT = 100;

export function listTokens(call: Call): Response {
  call.query(noQuery);
  return answerJson(call.world.tokens.list().map(describeToken));
}

export async function createToken(call: Call): Promise<Response> {
  call.query(noQuery);
  const { tenant = null, description = "" } = await call.body(tokenBody);
  const { tokens, clock } = call.world;
  const subject = tenant === null ? "admin" : `tenant ${tenant}`;
  const { token, row } = await call.change(subject, () =>
    tokens.create({ tenant, description }, clock.wall()),
  );
  const answer: NewTokenAnswer = { ...describeToken(row), token };
  return answerJson(answer, 201);
}

/** From then on the token opens nothing, and what it had open is closed. */
export async function revokeToken(call: Call): Promise<Response> {
  call.query(noQuery);
  const id = call.params["id"] ?? "";
  await call.change(`token ${id}`, () => {
    if (/^\d{1,15}$/.test(id) && call.world.tokens.revoke(Number(id))) return;
    throw new TenError("NOT_FOUND", `Cannot revoke token "${id}": there is none`, {
      hint: "See ten token ls",
    });
  });
  call.world.streams.endOf(`token ${id}`);
  return answerNothing();
}

export function listAudit(call: Call): Response {
  const { limit = AUDIT_ROWS_DEFAULT } = call.query(auditQuery);
  const rows = call.world.audit.list(limit);
  return answerJson(
    rows.map((row): AuditAnswer => ({ ...row, at: new Date(row.at).toISOString() })),
  );
}

function describeToken({ id, tenant, description, createdAt }: TokenRow): TokenAnswer {
  return { id, tenant, description, created_at: new Date(createdAt).toISOString() };
}
