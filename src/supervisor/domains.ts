// Custom hostnames: the target of each, and the rules for adding and removing them.
import { TenError } from "../core/errors.ts";
import { parseHostname } from "../core/hostname.ts";
import type { InstanceRef } from "../core/ref.ts";
import { formatTarget } from "../core/routing.ts";
import type { NamedTarget } from "../core/service.ts";
import type { DomainRow, DomainTable } from "../database/domains.ts";

export interface DomainParts {
  readonly table: DomainTable;
  /** The server's own domain, lower case, without a trailing dot. */
  readonly rootDomain: string;
  /** The target that a hostname belongs to by its own form, such as `alice.notes.example.com`. */
  readonly ownerOf: (hostname: string) => NamedTarget | null;
  /** Throws SERVICE_UNKNOWN or INSTANCE_UNKNOWN for a target that does not exist. */
  readonly checkTarget: (target: NamedTarget) => void;
}

export class Domains {
  readonly #parts: DomainParts;
  readonly #targets: Map<string, NamedTarget>;

  constructor(parts: DomainParts) {
    this.#parts = parts;
    this.#targets = new Map(parts.table.list().map(({ hostname, target }) => [hostname, target]));
  }

  /** @param hostname as `normalizeHostname` returns it */
  find(hostname: string): NamedTarget | null {
    return this.#targets.get(hostname) ?? null;
  }

  /** Sorted by hostname; null: of every target. */
  list(target: NamedTarget | null): readonly DomainRow[] {
    return [...this.#targets]
      .map(([hostname, leadsTo]) => ({ hostname, target: leadsTo }))
      .filter((row) => target === null || isSame(row.target, target))
      .sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  }

  /**
   * Leads a hostname to a target; idempotent. Throws REQUEST_INVALID for text that is no hostname, CONFLICT for a
   * hostname that leads or belongs to another target, SERVICE_UNKNOWN and INSTANCE_UNKNOWN.
   */
  add(text: string, target: NamedTarget): DomainRow {
    const hostname = parseHostname(text);
    this.#parts.checkTarget(target);
    this.#refuseOwned(hostname, target);
    const present = this.find(hostname);
    if (present !== null && !isSame(present, target)) {
      const other = formatTarget(present);
      throw new TenError("CONFLICT", `Cannot add "${hostname}": it leads to ${other}`, {
        hint: `Remove it first with: ten domain rm ${other} ${hostname}`,
      });
    }
    if (present === null) this.#parts.table.insert({ hostname, target });
    this.#targets.set(hostname, target);
    return { hostname, target };
  }

  /** Throws NOT_FOUND for a hostname that does not lead to the target; null: to any target. */
  remove(text: string, target: NamedTarget | null): DomainRow {
    const hostname = parseHostname(text);
    const present = this.find(hostname);
    if (present === null || (target !== null && !isSame(present, target))) {
      const state = present === null ? "it was not added" : `it leads to ${formatTarget(present)}`;
      throw new TenError("NOT_FOUND", `Cannot remove "${hostname}": ${state}`, {
        hint: "See ten domain ls",
      });
    }
    this.#parts.table.delete(hostname);
    this.#targets.delete(hostname);
    return { hostname, target: present };
  }

  /** The instance is no longer registered, and its hostnames are deleted from the database. */
  forget(ref: InstanceRef): void {
    for (const { hostname } of this.list(ref)) this.#targets.delete(hostname);
  }

  #refuseOwned(hostname: string, target: NamedTarget): void {
    const { rootDomain, ownerOf } = this.#parts;
    if (hostname === "localhost" || hostname === rootDomain) {
      throw new TenError("CONFLICT", `Cannot add "${hostname}": it is the server's own`, {
        hint: "Where the root domain leads is set in [routing] of tenement.toml",
      });
    }
    const owner = ownerOf(hostname);
    if (owner === null || isSame(owner, target)) return;
    throw new TenError(
      "CONFLICT",
      `Cannot add "${hostname}": it belongs to ${formatTarget(owner)}`,
    );
  }
}

function isSame(a: NamedTarget, b: NamedTarget): boolean {
  return a.service === b.service && a.id === b.id;
}
