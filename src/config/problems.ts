// The problems of a configuration, each with its path: describes the issues of the schema.
import type { z } from "zod";
import { renderSuggestion, suggest } from "../core/suggest.ts";
import { type KeyPath, renderFound, renderPath, valueAt } from "./document.ts";
import { type JsonSchema, planJsonSchema } from "./json-schema.ts";

export interface Problem {
  readonly path: KeyPath;
  /** `expected seconds, at least 0, got "5m"` */
  readonly text: string;
}

/** `service.notes.idle_timeout: expected seconds, at least 0, got "5m"` */
export function renderProblem({ path, text }: Problem): string {
  return path.length === 0 ? text : `${renderPath(path)}: ${text}`;
}

/** Turns the issues of a failed check into problems. */
export function problemsOf(error: z.ZodError, document: unknown): Problem[] {
  const seen = new Set<string>();
  return error.issues
    .flatMap((issue) => describeIssue(issue, document))
    .filter((problem) => {
      // A text that breaks two rules of its schema is one problem.
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
