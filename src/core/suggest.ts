// Suggestions for misspelt words: "did you mean …?", by edit distance.

/** The largest edit distance of a suggestion: one error in three letters, at most three. */
const distanceMax = (word: string): number => Math.min(3, Math.max(1, Math.floor(word.length / 3)));

/** The nearest candidate, or null when none is near enough. */
export function suggest(typed: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = distanceMax(typed) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `, did you mean "idle_timeout"?`, or nothing. */
export function renderSuggestion(typed: string, candidates: Iterable<string>): string {
  const found = suggest(typed, candidates);
  return found === null ? "" : `, did you mean "${found}"?`;
}

/** Insertions, deletions, substitutions and transpositions that turn `a` into `b` (Damerau-Levenshtein). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(distances: readonly number[], index: number): number {
  return distances[index] ?? Number.POSITIVE_INFINITY;
}
