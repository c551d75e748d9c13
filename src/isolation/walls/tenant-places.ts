// The directories that tenants may write: server paths are resolved without following a link in one of them.
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { depthOf, isUnder } from "../../core/paths.ts";

/** As in the kernel: a longer chain is a circle. */
const LINKS_MAX = 40;
/** Below the data directory: the service and the instance. */
const INSTANCE_DEPTH = 2;

export class TenantPlaces {
  readonly #dataDir: string;
  /** As configured, and without links. */
  readonly #writable: string[] = [];

  /** @param writePaths of all services */
  constructor({ dataDir, writePaths }: { dataDir: string; writePaths: readonly string[] }) {
    this.#dataDir = realpathSync(dataDir);
    // Outer directories first: the way to an inner one may lead through them.
    for (const path of writePaths.toSorted((a, b) => depthOf(a) - depthOf(b))) {
      const resolved = this.#attempt(path);
      this.#writable.push(path, ...(resolved === null ? [] : [resolved]));
    }
  }

  /** Whether a tenant may have made the file at a path, a link for instance. */
  contains(path: string): boolean {
    const depth = depthOf(path) - depthOf(this.#dataDir);
    if (isUnder(path, this.#dataDir) && depth > INSTANCE_DEPTH) return true;
    return this.#writable.some((directory) => path !== directory && isUnder(path, directory));
  }

  /** The path without links. Throws START_FAILED at a link that a tenant may have made, ENOENT where nothing is. */
  resolve(path: string): string {
    return this.#walk(path).resolved;
  }

  /** The links that an operator has made on the way to a path, none of a tenant's. Empty where nothing is. */
  linksOn(path: string): readonly string[] {
    try {
      return this.#walk(path).passed;
    } catch {
      return [];
    }
  }

  #walk(path: string): { readonly resolved: string; readonly passed: readonly string[] } {
    const passed: string[] = [];
    const steps = stepsOf(path);
    let resolved = "/";
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      const next = join(resolved, step);
      if (step === ".." || !lstatSync(next).isSymbolicLink()) {
        resolved = next;
        continue;
      }
      if (this.contains(next)) throw unsafe(path, `${next} is a link that a tenant may have made`);
      passed.push(next);
      if (passed.length > LINKS_MAX) throw unsafe(path, "its links go in a circle");
      const target = readlinkSync(next);
      steps.unshift(...stepsOf(target));
      if (target.startsWith("/")) resolved = "/";
    }
    return { resolved, passed };
  }

  /** Throws START_FAILED where a tenant could redirect a file that the server makes at a path. */
  refuseToMake(path: string): void {
    let above = dirname(path);
    while (!existsSync(above)) above = dirname(above);
    const made = join(this.resolve(above), "made");
    if (this.contains(made)) throw unsafe(path, `tenants may write ${dirname(made)}`);
  }

  #attempt(path: string): string | null {
    try {
      return this.resolve(path);
    } catch {
      return null;
    }
  }
}

function stepsOf(path: string): string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}

function unsafe(path: string, reason: string): FailureError {
  const hint = "Name a path that does not lead through write_paths or data directories of tenants";
  return new FailureError(startFailure(`${path} can't be used safely: ${reason}`, hint));
}
