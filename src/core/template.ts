// Templates of the configuration: their placeholders, such as `{id}`, checked, filled and escaped.
import { renderSuggestion } from "./suggest.ts";

export const PLACEHOLDERS = ["name", "id", "data_dir", "port", "socket"] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number] | PortPlaceholder;
type PortPlaceholder = `port${number}`;

/** The placeholder of an instance's further port, from 1 on. */
export function portPlaceholder(number: number): PortPlaceholder {
  return `port${number}`;
}

/**
 * A placeholder is `{identifier}`; braces around anything else, such as `{"a":1}` or `{}`, are text.
 * `{{identifier}}` is the text `{identifier}`.
 */
const BRACED = /\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The problems of a template's placeholders; empty when all of them are in `allowed`. */
export function checkPlaceholders(
  template: string,
  allowed: readonly Placeholder[] = PLACEHOLDERS,
): string[] {
  const expected =
    allowed.length === 0
      ? "no placeholder here"
      : `one of ${allowed.map((name) => `{${name}}`).join(" ")}`;
  return [...template.matchAll(BRACED)]
    .map(([, , name]) => name)
    .filter((name) => name !== undefined && !(allowed as readonly string[]).includes(name))
    .map((name = "") => {
      const [, number] = /^port([1-9]\d*)$/.exec(name) ?? [];
      if (number !== undefined && allowed.includes("port"))
        return `expected extra_ports of at least ${number} with it, got "{${name}}"`;
      return `expected ${expected}, got "{${name}}"${renderSuggestion(name, allowed)}`;
    });
}

/** Fills a template in a single pass: braces within a value stay as they are. */
export function fillTemplate(
  template: string,
  values: Readonly<Partial<Record<Placeholder, string>>>,
): string {
  return template.replace(BRACED, (whole, literal?: string, name?: string) => {
    if (literal !== undefined) return `{${literal}}`;
    return values[name as Placeholder] ?? whole;
  });
}

/** The template that fills to exactly `text`. */
export function escapeTemplate(text: string): string {
  return text.replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, "{{$1}}");
}
