// What is wrong with a configuration, each with its path: turns what the schema found into sentences.
import type { z } from "zod";
import { renderSuggestion, suggest } from "../core/suggest.ts";
import { type JsonSchema, planJsonSchema } from "./json-schema.ts";

export type KeyPath = readonly PropertyKey[];

export interface Problem {
  readonly path: KeyPath;
  /** `expected seconds, at least 0, got "5m"` */
  readonly text: string;
}

/** `service.notes.idle_timeout: expected seconds, at least 0, got "5m"` */
export function renderProblem({ path, text }: Problem): string {
  return path.length === 0 ? text : `${renderPath(path)}: ${text}`;
}

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

/** The longest part of a value that a message repeats. */
const FOUND_CHARS_MAX = 60;

/** A value as a message shows it. */
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

/** Turns the issues of a failed check into problems. */
export function problemsOf(error: z.ZodError, document: unknown): Problem[] {
  const seen = new Set<string>();
  return error.issues
    .flatMap((issue) => describeIssue(issue, document))
    .filter((problem) => {
      // A text that breaks two rules of its kind is still one problem.
      const line = renderProblem(problem);
      return seen.size !== seen.add(line).size;
    });
}

function describeIssue(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], text: describeUnknownKey(path, key) }));
  }
  if (issue.code === "invalid_key") {
    const expected = issue.issues[0]?.message ?? issue.message;
    return [{ path, text: `${expected}, got ${renderFound(path.at(-1))}` }];
  }
  const found = valueAt(document, path);
  if (found === undefined) return [{ path, text: `missing, ${issue.message}` }];
  const closest =
    issue.code === "invalid_value" && typeof found === "string"
      ? renderSuggestion(found, issue.values.map(String))
      : "";
  return [{ path, text: `${issue.message}, got ${renderFound(found)}${closest}` }];
}

function describeUnknownKey(path: KeyPath, key: string): string {
  const known = Object.keys(schemaAt(path)?.properties ?? {});
  if (suggest(key, known) !== null) return `unknown key${renderSuggestion(key, known)}`;
  return `unknown key, expected one of ${known.join(", ")}`;
}

function schemaAt(path: KeyPath): JsonSchema | undefined {
  let node: JsonSchema | undefined = planJsonSchema();
  for (const key of path) {
    const named: JsonSchema | undefined = node?.properties?.[String(key)];
    node = named ?? (node?.additionalProperties || undefined);
  }
  return node;
}
