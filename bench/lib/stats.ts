// The statistics that a report rests on, and no others: medians, quantiles, an interval for a median by resampling, and
// the slope of a straight line. Pure; randomness is handed in.

import type { Random } from './random.ts';

/** By linear interpolation between the two neighbours. NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** How many values it rests on. */
  readonly count: number;
}

/** The middle half. */
export function middleHalf(values: readonly number[]): Spread {
  return {
    median: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    count: values.length,
  };
}

const RESAMPLES = 4000;

/**
 * The median with the interval that holds 95 percent of the medians of resampled values. With fewer than five values
 * that interval says too little, so it is then the whole range.
 */
export function medianInterval(values: readonly number[], random: Random): Spread {
  const count = values.length;
  if (count < 5) {
    const sorted = [...values].sort((a, b) => a - b);
    return { median: median(values), low: sorted[0] ?? NaN, high: sorted[count - 1] ?? NaN, count };
  }
  const medians: number[] = [];
  for (let n = 0; n < RESAMPLES; n += 1) {
    medians.push(median(Array.from({ length: count }, () => values[random.below(count)] as number)));
  }
  return { median: median(values), low: quantile(medians, 0.025), high: quantile(medians, 0.975), count };
}

export interface Line {
  readonly slope: number;
  readonly intercept: number;
}

/** Least squares; undefined with fewer than two different x. */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): Line | undefined {
  const n = points.length;
  const meanX = points.reduce((sum, p) => sum + p.x, 0) / n;
  const meanY = points.reduce((sum, p) => sum + p.y, 0) / n;
  const varX = points.reduce((sum, p) => sum + (p.x - meanX) ** 2, 0);
  if (n < 2 || varX === 0) return undefined;
  const slope = points.reduce((sum, p) => sum + (p.x - meanX) * (p.y - meanY), 0) / varX;
  return { slope, intercept: meanY - slope * meanX };
}
