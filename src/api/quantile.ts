// Quantiles out of a histogram with fixed bounds. Pure. What is known is the bucket; within it a value is taken to lie
// where a straight line puts it, and what lies beyond the last bound is told as that bound.

/**
 * `counts` has one number per bound and one more for the rest; missing ones at the end are 0. null when nothing was
 * counted: there is no such thing as the median of nothing.
 */
export function quantile(bounds: readonly number[], counts: readonly number[], q: number): number | null {
  const total = counts.reduce((all, count) => all + count, 0);
  if (total <= 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [at, upper] of bounds.entries()) {
    const count = counts[at] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = at === 0 ? 0 : (bounds[at - 1] ?? 0);
      return lower + (upper - lower) * Math.min(1, Math.max(0, (rank - below) / count));
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}

/** Counts of several histograms with the same bounds. */
export function addCounts(all: Iterable<readonly number[]>): number[] {
  const sums: number[] = [];
  for (const counts of all) for (const [at, count] of counts.entries()) sums[at] = (sums[at] ?? 0) + count;
  return sums;
}
