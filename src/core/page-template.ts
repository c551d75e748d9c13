// Pages of the operator's own in place of the proxy's: their names, and their placeholders, checked and filled.
import { renderSuggestion } from "./suggest.ts";

/** `waiting`: an instance is being started. `asleep`: only an operator starts it. `error`: any other refusal. */
export const PAGE_NAMES = ["waiting", "asleep", "error"] as const;
export type PageName = (typeof PAGE_NAMES)[number];

export interface OwnPages {
  readonly directory: string;
  /** Where the operator has a page of that name. */
  readonly templates: Templates;
}

export type Templates = Readonly<Partial<Record<PageName, string>>>;

const PLACEHOLDERS = ["title", "message", "status", "service", "id"] as const;
export type PageValues = Readonly<Record<(typeof PLACEHOLDERS)[number], string>>;

/** Single braces are those of style sheets and scripts. */
const PLACEHOLDER = /\{\{\s*([A-Za-z_]\w*)\s*\}\}/g;

/** Whatever a browser loads by itself: it would ask the instance for it. */
const LOADED =
  /<[a-z][^>]*?\ssrc\s*=\s*["']?([^"'\s>]+)|<link\b[^>]*?\shref\s*=\s*["']?([^"'\s>]+)|url\(\s*["']?([^"')\s]+)/gi;

/** The problems of a page; empty: none. */
export function checkPage(text: string): readonly string[] {
  const names: readonly string[] = PLACEHOLDERS;
  const expected = names.map((name) => `{{${name}}}`).join(" ");
  const unknown = [...text.matchAll(PLACEHOLDER)].flatMap(([, name = ""]) =>
    names.includes(name)
      ? []
      : [`expected one of ${expected}, got "{{${name}}}"${renderSuggestion(name, PLACEHOLDERS)}`],
  );
  const loaded = [...text.matchAll(LOADED)].flatMap(([, src, link, style]) => {
    const target = src ?? link ?? style ?? "";
    return /^(data:|#|\{\{)/i.test(target)
      ? []
      : [`expected a page in one file, it loads "${target}"`];
  });
  return [...unknown, ...loaded];
}

/** Fills a page in a single pass; no value can open a tag, an attribute or a placeholder. */
export function fillPage(text: string, values: PageValues): string {
  return text.replace(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(values, name) ? escapeHtml(values[name as keyof PageValues]) : whole,
  );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
