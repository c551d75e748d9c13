// The migrations of tenement.db's schema. Append only: a released migration never changes.

export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE instances (
     service TEXT NOT NULL,
     id TEXT NOT NULL,
     wanted TEXT NOT NULL,
     reason TEXT,
     weight INTEGER NOT NULL,
     env TEXT NOT NULL,
     child TEXT,
     PRIMARY KEY (service, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE tokens (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     hash BLOB NOT NULL UNIQUE,
     tenant TEXT,
     description TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE audit (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at INTEGER NOT NULL,
     actor TEXT NOT NULL,
     action TEXT NOT NULL,
     subject TEXT NOT NULL,
     outcome TEXT NOT NULL
   ) STRICT;`,
  `CREATE TABLE user_ids (
     uid INTEGER PRIMARY KEY,
     service TEXT NOT NULL,
     id TEXT NOT NULL,
     UNIQUE (service, id)
   ) STRICT;`,
  `UPDATE instances SET child = json_set(child, '$.slot', 0) WHERE child IS NOT NULL;`,
  `CREATE TABLE domains (
     host TEXT PRIMARY KEY,
     service TEXT NOT NULL,
     id TEXT
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE instances ADD COLUMN other TEXT;`,
  `CREATE TABLE released_user_ids (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     uid INTEGER NOT NULL UNIQUE
   ) STRICT;`,
  `ALTER TABLE instances ADD COLUMN hint TEXT;
   ALTER TABLE instances ADD COLUMN code TEXT;`,
  `ALTER TABLE audit ADD COLUMN budget TEXT NOT NULL DEFAULT 'operator';
   ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
   UPDATE audit SET budget = 'tenant'
     WHERE actor IN (SELECT 'token ' || id FROM tokens WHERE tenant IS NOT NULL);
   CREATE INDEX audit_at ON audit (at);
   CREATE INDEX audit_actor ON audit (budget, actor, id);`,
  `ALTER TABLE instances ADD COLUMN invented INTEGER NOT NULL DEFAULT 0;`,
];
