import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addCounts, quantile } from '#src/api/quantile.js';

const BOUNDS = [0.001, 0.01, 0.1];

test('nothing counted has no quantile', () => {
  assert.equal(quantile(BOUNDS, [], 0.5), null);
  assert.equal(quantile(BOUNDS, [0, 0, 0, 0], 0.99), null);
});

test('within a bucket a straight line tells', () => {
  assert.equal(quantile(BOUNDS, [10], 0.5), 0.0005);
  assert.equal(quantile(BOUNDS, [10], 1), 0.001);
  assert.equal(quantile(BOUNDS, [0, 4], 0.5)?.toFixed(6), '0.005500');
  assert.equal(quantile(BOUNDS, [50, 50], 0.5), 0.001);
});

test('beyond the last bound nothing more is known than the bound', () => {
  assert.equal(quantile(BOUNDS, [0, 0, 0, 3], 0.5), 0.1);
  assert.equal(quantile(BOUNDS, [90, 0, 0, 10], 0.99), 0.1);
});

test('a quantile lies in the bucket of the value that it stands for, and grows with its rank', () => {
  const values = fc.array(fc.double({ min: 1e-6, max: 0.1, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, q) => {
      const bucketOf = (value: number): number => BOUNDS.findIndex((bound) => value <= bound);
      const counts = BOUNDS.map((_, at) => all.filter((value) => bucketOf(value) === at).length);
      const exact = all.toSorted((a, b) => a - b)[Math.ceil(q * all.length - 1e-9) - 1] ?? NaN;
      const told = quantile(BOUNDS, counts, q) ?? NaN;
      const at = bucketOf(exact);
      assert.ok(
        told <= (BOUNDS[at] ?? 0) && told >= (at === 0 ? 0 : (BOUNDS[at - 1] ?? 0)),
        `${told} for ${exact}`,
      );
      assert.ok((quantile(BOUNDS, counts, Math.min(1, q + 0.1)) ?? 0) >= told);
    }),
  );
});

test('histograms of different lengths add up', () => {
  assert.deepEqual(addCounts([[1], [0, 2], [1, 1, 1]]), [2, 3, 1]);
});
