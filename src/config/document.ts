// Values of a parsed TOML document by their paths, and both as text for messages. Imports nothing, so it loads fast.

export type KeyPath = readonly PropertyKey[];

/** A path as TOML writes it: `routing.path."/api"`, `instances.notes[1]`. */
export function renderPath(path: KeyPath): string {
  return path
    .map((key) => {
      if (typeof key === "number") return `[${key}]`;
      const text = String(key);
      return `.${/^[A-Za-z0-9_-]+$/.test(text) ? text : JSON.stringify(text)}`;
    })
    .join("")
    .replace(/^\./, "");
}

/** A longer value is cut in a message. */
const FOUND_CHARS_MAX = 60;

/** A value as text for a message. */
export function renderFound(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  switch (typeof value) {
    case "string": {
      const cut = value.length > FOUND_CHARS_MAX ? `${value.slice(0, FOUND_CHARS_MAX)}…` : value;
      return JSON.stringify(cut);
    }
    case "object":
      return "a table";
    default:
      return String(value);
  }
}

/** Reads the value at a path of a parsed document; undefined when there is none. */
export function valueAt(document: unknown, path: KeyPath): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** The problem of a path with a tilde, which no shell expands. */
export function tildeProblem(found: unknown): string {
  return `expected a path without "~", which is not expanded, got ${renderFound(found)}`;
}
