// Custom host names: who may have which, and where each leads.
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
  /** To whom a host belongs by its name. */
  readonly ownerOf: (host: string) => NamedTarget | null;
  /** Throws SERVICE_UNKNOWN or INSTANCE_UNKNOWN for what nothing can lead to. */
  readonly checkTarget: (target: NamedTarget) => void;
}

export class Domains {
  readonly #parts: DomainParts;
  readonly #targets: Map<string, NamedTarget>;

  constructor(parts: DomainParts) {
    this.#parts = parts;
    this.#targets = new Map(parts.table.list().map(({ host, target }) => [host, target]));
  }

  /** @param host as `normalizeHostname` returns it */
  find(host: string): NamedTarget | null {
    return this.#targets.get(host) ?? null;
  }

  /** By host; those of one target on demand. */
  list(target: NamedTarget | null): readonly DomainRow[] {
    return [...this.#targets]
      .map(([host, leadsTo]) => ({ host, target: leadsTo }))
      .filter((row) => target === null || isSame(row.target, target))
      .sort((a, b) => (a.host < b.host ? -1 : 1));
  }

  /**
   * Gives a host to a target; again is as once. Throws REQUEST_INVALID for what is no host, CONFLICT for one that is
   * somebody else's, SERVICE_UNKNOWN and INSTANCE_UNKNOWN.
   */
  add(text: string, target: NamedTarget): DomainRow {
    const host = parseHostname(text);
    this.#parts.checkTarget(target);
    this.#refuseOwned(host, target);
    const present = this.find(host);
    if (present !== null && !isSame(present, target)) {
      const other = formatTarget(present);
      throw new TenError("CONFLICT", `Cannot add "${host}": it leads to ${other}`, {
        hint: `Take it away first with: ten domain rm ${other} ${host}`,
      });
    }
    if (present === null) this.#parts.table.insert({ host, target });
    this.#targets.set(host, target);
    return { host, target };
  }

  /** Throws NOT_FOUND for a host that does not lead there; a null target takes it from whoever has it. */
  remove(text: string, target: NamedTarget | null): DomainRow {
    const host = parseHostname(text);
    const present = this.find(host);
    if (present === null || (target !== null && !isSame(present, target))) {
      const state = present === null ? "it was not added" : `it leads to ${formatTarget(present)}`;
      throw new TenError("NOT_FOUND", `Cannot remove "${host}": ${state}`, {
        hint: "See ten domain ls",
      });
    }
    this.#parts.table.delete(host);
    this.#targets.delete(host);
    return { host, target: present };
  }

  /** An instance is no longer registered. */
  forget(ref: InstanceRef): void {
    this.#parts.table.deleteOf(ref);
    for (const { host } of this.list(ref)) this.#targets.delete(host);
  }

  #refuseOwned(host: string, target: NamedTarget): void {
    const { rootDomain, ownerOf } = this.#parts;
    if (host === "localhost" || host === rootDomain) {
      throw new TenError("CONFLICT", `Cannot add "${host}": it is the server's own`, {
        hint: "Where the root domain leads is set in [routing] of tenement.toml",
      });
    }
    const owner = ownerOf(host);
    if (owner === null || isSame(owner, target)) return;
    throw new TenError("CONFLICT", `Cannot add "${host}": it belongs to ${formatTarget(owner)}`);
  }
}

function isSame(a: NamedTarget, b: NamedTarget): boolean {
  return a.service === b.service && a.id === b.id;
}
