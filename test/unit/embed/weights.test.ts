// Weights from functions: rounds, what makes sense, and when a snapshot is asked for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createComputedWeights, type WeighedBackend, type WeightRule } from '#src/embed/weights.js';
import { createFakeTime } from '../health/fake-time.ts';

function backend(name: string, more: Partial<WeighedBackend> = {}): WeighedBackend {
  const base = { pool: 'app', backend: name, host: name, port: 80, configured: 1, up: true, sessions: 0 };
  return { ...base, responseMs: undefined, ...more };
}

function setUp(
  rule: WeightRule,
  backends: () => readonly WeighedBackend[] = () => [backend('a'), backend('b')],
) {
  const time = createFakeTime();
  const complaints: string[] = [];
  let touches = 0;
  const weights = createComputedWeights({
    rules: { app: rule },
    backends,
    touch: () => void (touches += 1),
    complain: (message) => void complaints.push(message),
    time,
  });
  return {
    time,
    weights,
    complaints,
    touches: () => touches,
    of: () => ['a', 'b'].map((name) => weights.weight('app', name)),
  };
}

describe('createComputedWeights', () => {
  it('has no say before it starts; then at once, and every so often', async () => {
    let value = 2;
    let rounds = 0;
    const { time, weights, of, touches } = setUp({
      everyMs: 100,
      weight: ({ backend: name }) => {
        if (name === 'a') rounds += 1;
        return name === 'a' ? value : 1;
      },
    });
    assert.deepEqual(of(), [undefined, undefined]);
    weights.start();
    weights.start();
    assert.deepEqual(of(), [2, 1]);
    assert.deepEqual([rounds, touches()], [1, 1]);
    await time.advance(100);
    assert.deepEqual([rounds, touches()], [2, 1], 'nothing changed, no snapshot');
    value = 7.6;
    await time.advance(100);
    assert.deepEqual(of(), [8, 1]);
    assert.equal(touches(), 2);
    weights.stop();
    await time.advance(1000);
    assert.equal(rounds, 3);
    assert.equal(time.pending(), 0);
  });

  it('a round that makes no sense changes nothing and is told once in a row', async () => {
    let weight: WeightRule['weight'] = () => 5;
    const { time, weights, of, complaints } = setUp({ everyMs: 100, weight: (each) => weight(each) });
    weights.start();
    const senseless: readonly [WeightRule['weight'], RegExp][] = [
      [() => Number.NaN, /answers NaN for a/],
      [() => -1, /answers -1 for a/],
      [() => 0.4, /nobody would serve/],
      [() => 'much' as unknown as number, /answers string for a/],
      [
        ({ backend: name }) => {
          if (name === 'b') throw new Error('no figures');
          return 9;
        },
        /throws for b: no figures/,
      ],
    ];
    for (const [answer, message] of senseless) {
      complaints.length = 0;
      weight = answer;
      await time.advance(300);
      assert.equal(complaints.length, 1);
      assert.match(complaints[0] ?? '', message);
      assert.deepEqual(of(), [5, 5]);
      weight = () => 5;
      await time.advance(100);
    }
  });

  it('is bounded above, and in how often it runs', async () => {
    let rounds = 0;
    const { time, weights, of } = setUp({
      everyMs: 0,
      weight: ({ backend: name }) => {
        if (name === 'a') rounds += 1;
        return 1e9;
      },
    });
    weights.start();
    assert.deepEqual(of(), [65_535, 65_535]);
    await time.advance(100);
    assert.equal(rounds, 11);
  });

  it('a pool that is not there keeps what it had, until it is back', async () => {
    let there = true;
    const { time, weights, of } = setUp({ everyMs: 100, weight: ({ sessions }) => sessions + 1 }, () =>
      there ? [backend('a', { sessions: 3 }), backend('b')] : [],
    );
    weights.start();
    there = false;
    await time.advance(100);
    assert.deepEqual(of(), [4, 1]);
    there = true;
    await time.advance(100);
    assert.deepEqual(of(), [4, 1]);
  });
});
