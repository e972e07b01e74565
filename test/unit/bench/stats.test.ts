// The statistics under every figure, and the randomness under every order.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { load, skip } from './compiled.ts';

interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}
interface Random {
  unit(): number;
  below(limit: number): number;
  shuffled<T>(items: readonly T[]): T[];
}

const { createRandom } = await load<{ createRandom(seed: number): Random }>('lib/random.js');
const { fitLine, median, medianInterval, middleHalf, quantile } = await load<{
  quantile(values: readonly number[], q: number): number;
  median(values: readonly number[]): number;
  middleHalf(values: readonly number[]): Spread;
  medianInterval(values: readonly number[], random: Random): Spread;
  fitLine(points: readonly { x: number; y: number }[]): { slope: number; intercept: number } | undefined;
}>('lib/stats.js');

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 });

describe('quantiles', { skip }, () => {
  it('are between neighbours, and do not depend on the order', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(quantile([10, 20, 30], 0.25), 15);
    assert.ok(Number.isNaN(median([])));
  });

  it('leave their input as it is and stay within it', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const before = [...list];
        const at = quantile(list, q);
        assert.deepEqual(list, before);
        assert.ok(at >= Math.min(...list) && at <= Math.max(...list));
      }),
    );
  });

  it('hold half of all values between the quarters', () => {
    assert.deepEqual(middleHalf([1, 2, 3, 4, 5]), { median: 3, low: 2, high: 4, count: 5 });
  });
});

describe('the interval of a median', { skip }, () => {
  it('holds the median, lies within the values, and is the same for the same seed', () => {
    fc.assert(
      fc.property(values, (list) => {
        const spread = medianInterval(list, createRandom(1));
        assert.ok(spread.low <= spread.median && spread.median <= spread.high);
        assert.ok(spread.low >= Math.min(...list) && spread.high <= Math.max(...list));
        assert.deepEqual(medianInterval(list, createRandom(1)), spread);
      }),
      { numRuns: 30 },
    );
  });

  it('is the whole range of a few values', () => {
    assert.deepEqual(medianInterval([3, 9, 1], createRandom(1)), { median: 3, low: 1, high: 9, count: 3 });
  });

  it('grows narrow with many values, and holds the true median most of the time', () => {
    const random = createRandom(99);
    const noise = (count: number): number[] => Array.from({ length: count }, () => random.unit());
    const width = (count: number): number => {
      const { low, high } = medianInterval(noise(count), random);
      return high - low;
    };
    assert.ok(width(400) < width(10) / 2);
    let held = 0;
    for (let n = 0; n < 100; n += 1) {
      const { low, high } = medianInterval(noise(15), random);
      if (low <= 0.5 && high >= 0.5) held += 1;
    }
    assert.ok(held >= 88, `${held} of 100 intervals of 95 percent hold the median`);
  });
});

describe('a fitted line', { skip }, () => {
  it('is the line that the points are on', () => {
    const points = [0, 1000, 3000, 6000].map((x) => ({ x, y: 5e6 + 320 * x }));
    const line = fitLine(points);
    assert.ok(line !== undefined);
    assert.ok(Math.abs(line.slope - 320) < 1e-6 && Math.abs(line.intercept - 5e6) < 1e-3);
  });

  it('is none through one point, or through points above each other', () => {
    assert.equal(fitLine([{ x: 1, y: 1 }]), undefined);
    assert.equal(fitLine([]), undefined);
    assert.equal(
      fitLine([
        { x: 1, y: 1 },
        { x: 1, y: 2 },
      ]),
      undefined,
    );
  });
});

describe('seeded randomness', { skip }, () => {
  it('repeats with the seed and differs between seeds', () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 8 }, () => random.unit());
    };
    assert.deepEqual(draw(5), draw(5));
    assert.notDeepEqual(draw(5), draw(6));
  });

  it('shuffles without losing anybody, and puts everybody everywhere', () => {
    const random = createRandom(3);
    const seen = new Set<string>();
    for (let n = 0; n < 200; n += 1) {
      const order = random.shuffled(['a', 'b', 'c']);
      assert.deepEqual([...order].sort(), ['a', 'b', 'c']);
      seen.add(order.join(''));
    }
    assert.equal(seen.size, 6);
  });
});
