// The smooth order: against the plain rule, written here as it is usually told, and against what it promises.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_CYCLE, smoothSequence } from '#src/balance/sequence.js';

/** The rule without any short cut: all earn, the richest is picked and pays. */
function plainRule(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const credit = weights.map(() => 0);
  const picked: number[] = [];
  for (let turn = 0; turn < total; turn += 1) {
    let best = 0;
    weights.forEach((weight, at) => {
      credit[at] = (credit[at] ?? 0) + weight;
      if ((credit[at] ?? 0) > (credit[best] ?? 0)) best = at;
    });
    credit[best] = (credit[best] ?? 0) - total;
    picked.push(best);
  }
  return picked;
}

function counts(sequence: Uint16Array, size: number): number[] {
  const found = new Array<number>(size).fill(0);
  for (const at of sequence) found[at] = (found[at] ?? 0) + 1;
  return found;
}

describe('smoothSequence', () => {
  it('spreads a heavy member out', () => {
    assert.deepEqual([...smoothSequence([5, 1, 1])], [0, 0, 1, 0, 2, 0, 0]);
    assert.deepEqual([...smoothSequence([3, 1])], [0, 0, 1, 0]);
  });

  it('is empty for nobody and short for one', () => {
    assert.deepEqual([...smoothSequence([])], []);
    assert.deepEqual([...smoothSequence([65_535])], [0]);
  });

  it('takes out what weights have in common', () => {
    assert.deepEqual(smoothSequence([100, 150]), smoothSequence([2, 3]));
    assert.deepEqual([...smoothSequence([7, 7, 7])], [0, 1, 2]);
  });

  for (const weights of [
    [1, 2, 3, 4, 5],
    [4, 4, 1, 4, 1],
    [9, 7, 7, 2, 1, 1, 1],
    [13, 1],
    [1, 13],
    [6, 10, 15],
  ]) {
    it(`follows the plain rule for weights ${weights.join(', ')}`, () => {
      assert.deepEqual([...smoothSequence(weights)], plainRule(weights));
    });
  }

  it('gives two thousand equals one turn each', () => {
    assert.deepEqual(
      [...smoothSequence(new Array<number>(2000).fill(1))],
      Array.from({ length: 2000 }, (_, at) => at),
    );
  });

  it('scales sums that are too large, and still nobody is left out', () => {
    const weights = [...new Array<number>(999).fill(1), 65_535];
    const sequence = smoothSequence(weights);
    assert.ok(sequence.length <= MAX_CYCLE, `${sequence.length} turns`);
    const found = counts(sequence, weights.length);
    assert.equal(Math.min(...found), 1);
    assert.ok((found[999] ?? 0) > 64_000, `the heavy one has ${found[999]} turns`);
  });

  it('keeps the proportions of large weights within a thousandth', () => {
    const weights = [65_535, 50_021, 30_011, 9_973];
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const sequence = smoothSequence(weights);
    counts(sequence, 4).forEach((found, at) => {
      const share = (weights[at] ?? 0) / total;
      assert.ok(
        Math.abs(found / sequence.length - share) < share / 1000,
        `${at}: ${found} of ${sequence.length}`,
      );
    });
  });

  it('copes with as many distinct weights as two thousand backends can have', () => {
    const weights = Array.from({ length: 2000 }, (_, at) => 1 + ((at * 7919) % 65_521));
    const sequence = smoothSequence(weights);
    assert.ok(sequence.length <= MAX_CYCLE);
    assert.equal(Math.min(...counts(sequence, weights.length)), 1);
  });
});
