// Smooth weighted order as a table of one cycle: in every cycle each member comes exactly as often as its weight says,
// and heavy members are spread out (weights 5, 1, 1 give a a b a c a a). Pure: weights in, positions out.

/** A cycle is never longer than this; heavier sums are scaled down to it, nobody below one turn. */
export const MAX_CYCLE = 65_536;

/**
 * One cycle, as positions in `weights` (all of them positive integers, at most MAX_CYCLE of them).
 *
 * The rule is the usual smooth one: each turn every member earns its weight, the richest (the first of equals) is
 * picked and pays the sum of all weights. Members of equal weight differ only in whose turn it is among them, so it is
 * enough to compare one candidate per distinct weight: a cycle of MAX_CYCLE turns has at most 362 of those.
 */
export function smoothSequence(weights: readonly number[]): Uint16Array {
  const turns = turnsPerCycle(weights);
  const classes = classesOf(turns);
  const length = turns.reduce((sum, n) => sum + n, 0);
  const cycle = new Uint16Array(length);
  const one = classes[0];
  if (classes.length === 1 && one !== undefined) {
    for (let at = 0; at < length; at += 1) cycle[at] = one.positions[at % one.positions.length] as number;
    return cycle;
  }
  for (let at = 0; at < length; at += 1) {
    let best: WeightClass | undefined;
    let bestCredit = 0;
    let bestPosition = 0;
    for (const candidate of classes) {
      const credit = candidate.turns * (at + 1) - length * candidate.rounds;
      const position = candidate.positions[candidate.next] as number;
      if (best === undefined || credit > bestCredit || (credit === bestCredit && position < bestPosition)) {
        best = candidate;
        bestCredit = credit;
        bestPosition = position;
      }
    }
    if (best === undefined) break;
    cycle[at] = bestPosition;
    best.next += 1;
    if (best.next === best.positions.length) {
      best.next = 0;
      best.rounds += 1;
    }
  }
  return cycle;
}

/** Members of one weight take turns among themselves; `rounds` is how often the next of them was picked. */
interface WeightClass {
  readonly turns: number;
  readonly positions: number[];
  next: number;
  rounds: number;
}

function classesOf(turns: readonly number[]): WeightClass[] {
  const byTurns = new Map<number, WeightClass>();
  turns.forEach((n, position) => {
    const known = byTurns.get(n);
    if (known === undefined) byTurns.set(n, { turns: n, positions: [position], next: 0, rounds: 0 });
    else known.positions.push(position);
  });
  return [...byTurns.values()];
}

/** Weights divided by what they have in common, and scaled when a cycle would be too long. */
function turnsPerCycle(weights: readonly number[]): number[] {
  const exact = reduce(weights);
  const total = exact.reduce((sum, n) => sum + n, 0);
  return total <= MAX_CYCLE ? exact : reduce(scale(exact, MAX_CYCLE));
}

function reduce(weights: readonly number[]): number[] {
  const common = weights.reduce(greatestCommonDivisor, 0);
  return weights.map((weight) => weight / common);
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/**
 * Rounded down to fit, with one turn at least for everybody. Whoever is lifted to one turn takes it from the others,
 * which may push further ones below one: hence the loop, which ends because each round lifts somebody or stops.
 */
function scale(weights: readonly number[], limit: number): number[] {
  const order = [...weights].sort((a, b) => a - b);
  let rest = order.reduce((sum, n) => sum + n, 0);
  let room = limit;
  for (const weight of order) {
    if (weight * room >= rest) break;
    rest -= weight;
    room -= 1;
  }
  return weights.map((weight) => Math.max(1, Math.floor((weight * room) / rest)));
}
