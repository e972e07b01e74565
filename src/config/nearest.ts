// "Did you mean": the known word that an unknown one was probably meant to be. Pure and bounded: words are short.

const LONGEST = 64;

/** The nearest of the words, or undefined where none is near. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const plain = simplify(word);
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of words) {
    if (candidate.length > LONGEST) continue;
    const distance = simplify(candidate) === plain ? 0 : editDistance(plain, simplify(candidate));
    if (
      distance <= Math.max(1, Math.floor(candidate.length / 3)) &&
      distance < (best?.distance ?? Infinity)
    ) {
      best = { word: candidate, distance };
    }
  }
  return best?.word;
}

/** `maxConnections`, `max-connections` and `MAX_CONNECTIONS` are one word. */
function simplify(word: string): string {
  return word.toLowerCase().replace(/[_\s-]/g, '');
}

/** Insertions, deletions, changes and swaps of neighbours that make one word of the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(change, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
