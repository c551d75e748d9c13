// Creates, lists and revokes tokens in the database while no server runs, with the same audit trail.
import type { NewTokenAnswer, TokenAnswer, TokenBody } from "../../control/wire/tokens.ts";
import { TenError } from "../../core/errors.ts";
import type { TenementDatabase } from "../../database/database.ts";
import type { TokenRow } from "../../database/tokens.ts";

export class OfflineTokens {
  readonly #database: TenementDatabase;

  constructor(database: TenementDatabase) {
    this.#database = database;
  }

  async create({ tenant = null, description = "" }: TokenBody): Promise<NewTokenAnswer> {
    const { token, row } = this.#database.tokens.create({ tenant, description }, Date.now());
    this.#record("create-token", {
      subject: tenant === null ? "admin" : `tenant ${tenant}`,
      outcome: "done",
    });
    return { ...describeToken(row), token };
  }

  async list(): Promise<readonly TokenAnswer[]> {
    return this.#database.tokens.list().map(describeToken);
  }

  async revoke(id: number): Promise<void> {
    const isRevoked = this.#database.tokens.revoke(id);
    this.#record("revoke-token", {
      subject: `token ${id}`,
      outcome: isRevoked ? "done" : "NOT_FOUND",
    });
    if (isRevoked) return;
    throw new TenError("NOT_FOUND", `Cannot revoke token "${id}": there is none`, {
      hint: "See ten token ls",
    });
  }

  #record(action: string, { subject, outcome }: { subject: string; outcome: string }): void {
    this.#database.audit.record({ at: Date.now(), actor: "shell", action, subject, outcome });
  }
}

function describeToken({ id, tenant, description, createdAt }: TokenRow): TokenAnswer {
  return { id, tenant, description, created_at: new Date(createdAt).toISOString() };
}
