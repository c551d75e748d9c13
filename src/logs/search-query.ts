// Parses the words of a log search: an FTS5 expression for the archive, and the same match for a follower's new line.

export interface LogQuery {
  /** FTS5 expression in which every word is a quoted string, so that no word becomes syntax; null: no words. */
  readonly match: string | null;
  /** Words without a letter or digit, such as `->`; the index lacks them, so they are compared as substrings. */
  readonly symbols: readonly string[];
  /** The tokens of each word that has any; a word such as `foo-bar` is two tokens in a row. */
  readonly phrases: readonly (readonly string[])[];
}

/** More words than a person types; the rest is ignored. */
const WORDS_MAX = 32;

/** The characters that the tokenizer `unicode61` keeps: letters, digits and private-use characters. */
const TOKEN = /[\p{L}\p{N}\p{Co}]+/gu;

/** Reads the words of a search; without any, the query is empty and matches every line. */
export function parseLogQuery(text: string): LogQuery {
  // A NUL would end the expression early, inside a quote.
  const words = text
    .split(/[\s\0]+/u)
    .filter((word) => word !== "")
    .slice(0, WORDS_MAX);
  const plain = words.filter((word) => tokensOf(word).length > 0);
  return {
    match: plain.length === 0 ? null : plain.map(quote).join(" "),
    symbols: words.filter((word) => tokensOf(word).length === 0),
    phrases: plain.map(tokensOf),
  };
}

/** Whether a line contains all the words, in any order. */
export function matchesLogQuery({ phrases, symbols }: LogQuery, line: string): boolean {
  if (!symbols.every((symbol) => line.includes(symbol))) return false;
  if (phrases.length === 0) return true;
  // No token holds a space, so a phrase between spaces is found on token boundaries only.
  const tokens = ` ${tokensOf(line).join(" ")} `;
  return phrases.every((phrase) => tokens.includes(` ${phrase.join(" ")} `));
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}

/** Without case and diacritics, as the index keeps them. */
function tokensOf(text: string): string[] {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().match(TOKEN) ?? [];
}
