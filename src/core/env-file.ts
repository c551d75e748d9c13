// Parses `.env` files: KEY=VALUE lines, quotes, comments; nothing is expanded.

export type EnvFile =
  | { readonly kind: "env"; readonly env: Readonly<Record<string, string>> }
  /** Each with its line number; values are never repeated, since they may be secret. */
  | { readonly kind: "problems"; readonly problems: readonly string[] };

export const ENV_NAME_RULE = "letters, digits, _, . and -, not starting with a digit, . or -";
export const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

export function isEnvName(text: string): boolean {
  return ENV_NAME.test(text);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
const QUOTED = {
  "'": /'([^']*)'/y,
  '"': /"((?:\\[\s\S]|[^"\\])*)"/y,
} as const;

/**
 * Reads a `.env` file. `export` in front of a name is allowed; a later line for the same name wins.
 * Single quotes keep everything; double quotes know `\n \r \t \" \\ \$`; both may span lines.
 * Without quotes the value is trimmed and ends before ` #`.
 */
export function parseEnvFile(text: string): EnvFile {
  const source = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  if (source.includes("\0"))
    return { kind: "problems", problems: ["expected text, got a NUL byte"] };
  const entries: [string, string][] = [];
  const problems: string[] = [];
  for (let position = 0, line = 1; position < source.length;) {
    const { next, outcome } = readEntry(source, position);
    if (outcome.kind === "entry") entries.push([outcome.name, outcome.value]);
    if (outcome.kind === "problem") problems.push(`line ${line}: ${outcome.text}`);
    line += source.slice(position, next).split("\n").length - 1;
    position = next;
  }
  return problems.length > 0
    ? { kind: "problems", problems }
    : { kind: "env", env: Object.fromEntries(entries) };
}

type Outcome =
  | { readonly kind: "blank" }
  | { readonly kind: "entry"; readonly name: string; readonly value: string }
  | { readonly kind: "problem"; readonly text: string };

interface Reading {
  /** Where the next line starts. */
  readonly next: number;
  readonly outcome: Outcome;
}

function readEntry(source: string, start: number): Reading {
  const next = afterLine(source, start);
  const line = source.slice(start, next).trimEnd();
  if (/^\s*(#|$)/.test(line)) return { next, outcome: { kind: "blank" } };
  const head = /^\s*(?:export\s+)?([^=]*?)\s*=/.exec(line);
  if (head === null) return { next, outcome: problem("expected KEY=VALUE") };
  const name = head[1] ?? "";
  if (!isEnvName(name)) {
    return { next, outcome: problem(`expected a name of ${ENV_NAME_RULE}, got "${name}"`) };
  }
  return readValue({ source, start: start + head[0].length, name });
}

interface ValueStart {
  readonly source: string;
  /** Just behind the equals sign. */
  readonly start: number;
  readonly name: string;
}

function readValue({ source, start, name }: ValueStart): Reading {
  const next = afterLine(source, start);
  const raw = source.slice(start, next);
  const opening = start + raw.length - raw.trimStart().length;
  const quote = source[opening];
  if (raw.trim() === "" || (quote !== "'" && quote !== '"')) {
    return { next, outcome: { kind: "entry", name, value: raw.replace(/\s#.*/, "").trim() } };
  }
  const quoted = QUOTED[quote];
  quoted.lastIndex = opening;
  const body = quoted.exec(source)?.[1];
  if (body === undefined) return { next, outcome: problem(`${name} has no closing ${quote}`) };
  const closed = opening + body.length + 2;
  const end = afterLine(source, closed);
  if (!/^\s*$|^\s+#/.test(source.slice(closed, end))) {
    return { next: end, outcome: problem(`${name} has text after its closing ${quote}`) };
  }
  const value = quote === '"' ? decodeEscapes(body) : body;
  return { next: end, outcome: { kind: "entry", name, value } };
}

function decodeEscapes(body: string): string {
  return body.replace(/\\([nrt"\\$])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

function afterLine(source: string, start: number): number {
  const end = source.indexOf("\n", start);
  return end === -1 ? source.length : end + 1;
}

function problem(text: string): Outcome {
  return { kind: "problem", text };
}
