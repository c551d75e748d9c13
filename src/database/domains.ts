// The table of custom hostnames: each leads to one instance, or to a service.
import type { Database } from "bun:sqlite";
import type { NamedTarget } from "../core/service.ts";

export interface DomainRow {
  /** As `parseHostname` returns it. */
  readonly hostname: string;
  readonly target: NamedTarget;
}

interface Raw extends NamedTarget {
  host: string;
}

export class DomainTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Ordered by hostname. */
  list(): readonly DomainRow[] {
    return this.#database
      .query<Raw, []>("SELECT host, service, id FROM domains ORDER BY host")
      .all()
      .map(({ host, service, id }) => ({ hostname: host, target: { service, id } }));
  }

  insert({ hostname, target: { service, id } }: DomainRow): void {
    this.#database.run("INSERT INTO domains (host, service, id) VALUES (?, ?, ?)", [
      hostname,
      service,
      id,
    ]);
  }

  delete(hostname: string): void {
    this.#database.run("DELETE FROM domains WHERE host = ?", [hostname]);
  }

  /** Deletes the hostnames of one target. */
  deleteOf({ service, id }: NamedTarget): void {
    this.#database.run("DELETE FROM domains WHERE service = ? AND id IS ?", [service, id]);
  }
}
