// Randomness that can be repeated: the order of trials and the resampling of statistics come from a printed seed.
// Not for anything that has to be unpredictable.

export interface Random {
  /** 0 (included) to 1 (excluded). */
  unit(): number;
  /** An integer from 0 to `below` - 1. */
  below(below: number): number;
  /** A new array with the same elements in random order. */
  shuffled<T>(items: readonly T[]): T[];
}

/** SplitMix32: one 32-bit word of state, equal on every machine. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(unit() * limit);
  return {
    unit,
    below,
    shuffled(items) {
      const mixed = [...items];
      for (let last = mixed.length - 1; last > 0; last -= 1) {
        const other = below(last + 1);
        [mixed[last], mixed[other]] = [mixed[other] as (typeof mixed)[0], mixed[last] as (typeof mixed)[0]];
      }
      return mixed;
    },
  };
}
