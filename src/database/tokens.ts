// The table of API tokens: each is shown once and stored as SHA-256.
import type { Database } from "bun:sqlite";
import { createHash, randomBytes } from "node:crypto";

const TOKEN_BYTES = 32;

/** Null: an administrator's; otherwise the id of the tenant whose instances it may manage. */
export type TokenScope = string | null;

export interface TokenRow {
  readonly id: number;
  readonly tenant: TokenScope;
  readonly description: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface NewToken {
  readonly tenant: TokenScope;
  readonly description: string;
}

const COLUMNS = `id, tenant, description, created_at AS createdAt`;

export class TokenTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Creates a token and returns its text, which is stored nowhere. */
  create({ tenant, description }: NewToken, now: number): { token: string; row: TokenRow } {
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    const row = this.#database
      .query<TokenRow, [Buffer, TokenScope, string, number]>(
        `INSERT INTO tokens (hash, tenant, description, created_at) VALUES (?, ?, ?, ?) RETURNING ${COLUMNS}`,
      )
      .get(hash(token), tenant, description, now);
    if (row === null) throw new Error("The database returned no token row");
    return { token, row };
  }

  list(): readonly TokenRow[] {
    return this.#database.query<TokenRow, []>(`SELECT ${COLUMNS} FROM tokens ORDER BY id`).all();
  }

  /** False: there is no such token. */
  revoke(id: number): boolean {
    return this.#database.run("DELETE FROM tokens WHERE id = ?", [id]).changes > 0;
  }

  /**
   * The row of a token's text; null for an unknown token. Found by its hash, so that a wrong token costs little however
   * many there are; how long it takes tells of the hash alone, from which no token can be made.
   */
  verify(token: string): TokenRow | null {
    return this.#database
      .query<TokenRow, [Buffer]>(`SELECT ${COLUMNS} FROM tokens WHERE hash = ?`)
      .get(hash(token));
  }
}

function hash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
