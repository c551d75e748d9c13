// Renders output for people: tables, durations, sizes, and text that is not trusted.

export interface Column<Row> {
  readonly title: string;
  readonly align?: "right";
  readonly cell: (row: Row) => string;
}

/** Aligned columns under their titles, two spaces apart. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => Bun.stringWidth(line[index] ?? ""))),
  );
  const pad = (text: string, index: number) => {
    const space = " ".repeat((widths[index] ?? 0) - Bun.stringWidth(text));
    return columns[index]?.align === "right" ? space + text : text + space;
  };
  return lines.map((line) => `${line.map(pad).join("  ").trimEnd()}\n`).join("");
}

const SECONDS_PER_UNIT = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
] as const;

/** The two largest units of a duration: `4d2h`, `3m12s`, `0s`. */
export function renderDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  const first = SECONDS_PER_UNIT.findIndex(([, size]) => rest >= size);
  if (first < 0) return "0s";
  return SECONDS_PER_UNIT.slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest %= size;
      return count === 0 ? "" : `${count}${unit}`;
    })
    .join("");
}

/** `12 ms`, `1.3 s`. */
export function renderMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `512 B`, `12.3 MiB`. */
export function renderBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[power]}`;
}

/** A dash for a missing value in a table. */
export function orDash<Value>(value: Value | null, render: (value: Value) => string): string {
  return value === null ? "-" : render(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters to escape
const CONTROL = /\x1b\[([0-9;]*)m|[\0-\x08\x0a-\x1f\x7f-\x9f]/g;

/**
 * One style of SGR (ECMA-48, 8.3.117): a colour, bold, italic, underlined or the end of one; not concealed, not
 * blinking.
 */
const STYLE = String.raw`(?:[34]8;(?:5;\d+|2;\d+;\d+;\d+)|[0-4]|2[2-4]|[34][0-7]|[34]9|9[0-7]|10[0-7])?`;
const STYLES = new RegExp(`^${STYLE}(?:;${STYLE})*$`);
const RESET = "\x1b[0m";

/**
 * Escapes control characters that would move the cursor, hide text or retitle the window. Colours stay, and end
 * with the text.
 * @param allowed control characters that stay as well
 */
export function renderSafe(text: string, allowed = ""): string {
  const safe = text.replace(CONTROL, (match, parameters?: string) => {
    if (parameters !== undefined && STYLES.test(parameters)) return match;
    return [...match].map((each) => (allowed.includes(each) ? each : escapeControl(each))).join("");
  });
  return safe.includes("\x1b[") && !safe.endsWith(RESET) ? `${safe}${RESET}` : safe;
}

function escapeControl(character: string): string {
  const code = character.charCodeAt(0);
  const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  return isControl ? `\\x${code.toString(16).padStart(2, "0")}` : character;
}

const COLOURS = { red: 31, green: 32, yellow: 33, gray: 90 } as const;
export type Colour = keyof typeof COLOURS;

export function paint(text: string, colour: Colour): string {
  return `\x1b[${COLOURS[colour]}m${text}\x1b[39m`;
}
