// Checks of read_paths and write_paths: none lies where the instances of another service could put a link.
import { normalize } from "node:path";
import { isUnder } from "../core/paths.ts";
import { type KeyPath, renderFound, valueAt } from "./document.ts";
import type { Problem } from "./problems.ts";

interface ListedPath {
  readonly service: string;
  readonly path: KeyPath;
  readonly value: string;
}

/** @param services names */
export function checkNestedPaths(document: unknown, services: readonly string[]): Problem[] {
  const listed = (key: string) => services.flatMap((service) => pathsAt(document, service, key));
  const writable = listed("write_paths");
  return [...listed("read_paths"), ...writable].flatMap((inner) => {
    const outer = writable.find(
      ({ service, value }) =>
        service !== inner.service && value !== inner.value && isUnder(inner.value, value),
    );
    if (outer === undefined) return [];
    const reason = `expected a path outside the write_paths of [service.${outer.service}], whose instances could put a link in its place`;
    return [{ path: inner.path, text: `${reason}, got ${renderFound(inner.value)}` }];
  });
}

function pathsAt(document: unknown, service: string, key: string): ListedPath[] {
  const path = ["service", service, key];
  const values = valueAt(document, path);
  if (!Array.isArray(values)) return [];
  return values.flatMap((value: unknown, index) =>
    typeof value === "string" ? [{ service, path: [...path, index], value: clean(value) }] : [],
  );
}

/** Without a slash at the end, which would make two names of one directory. */
function clean(path: string): string {
  return normalize(path).replace(/(.)\/$/, "$1");
}
