// Handlers for API tokens and the audit trail.
import { TenError } from "../../core/errors.ts";
import type { TokenRow } from "../../database/tokens.ts";
import type { Call } from "../call.ts";
import type { AuditAnswer, NewTokenAnswer, TokenAnswer, TokenBody } from "../wire/tokens.ts";

const AUDIT_ROWS_DEFAULT = 100;

export function listTokens({ world }: Call): TokenAnswer[] {
  return world.tokens.list().map(describeToken);
}

export async function createToken(call: Call<unknown, TokenBody>): Promise<NewTokenAnswer> {
  const { tenant = null, description = "" } = call.body;
  const { tokens, clock } = call.world;
  const subject = tenant === null ? "admin" : `tenant ${tenant}`;
  const { token, row } = await call.change(subject, () =>
    tokens.create({ tenant, description }, clock.wall()),
  );
  return { ...describeToken(row), token };
}

/** Revokes the token and ends its streams. */
export async function revokeToken(call: Call): Promise<void> {
  const id = call.params["token"] ?? "";
  await call.change(`token ${id}`, () => {
    if (/^\d{1,15}$/.test(id) && call.world.tokens.revoke(Number(id))) return;
    throw new TenError("NOT_FOUND", `Cannot revoke token "${id}": there is none`, {
      hint: "See ten token ls",
    });
  });
  call.world.streams.endOf(`token ${id}`);
}

export function listAudit({ world, query }: Call<{ limit?: number | undefined }>): AuditAnswer[] {
  const rows = world.audit.list(query.limit ?? AUDIT_ROWS_DEFAULT);
  return rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
}

function describeToken({ id, tenant, description, createdAt }: TokenRow): TokenAnswer {
  return { id, tenant, description, created_at: new Date(createdAt).toISOString() };
}
