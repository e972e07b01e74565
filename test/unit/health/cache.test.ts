// Kept answers: asked once for all, told apart by when they were asked for, and never an answer that is none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAnswerCache } from '#src/health/cache.js';
import type { Verdict } from '#src/health/health.js';

const yes: Verdict = { outcome: 'pass', code: 'PROCOK', detail: '' };

function asker(verdict: Verdict): { ask: () => Promise<Verdict>; asked: () => number } {
  let asked = 0;
  return {
    ask: () => {
      asked += 1;
      return Promise.resolve({ ...verdict });
    },
    asked: () => asked,
  };
}

describe('createAnswerCache', () => {
  it('asks again when the answer is too old, by the clock of whoever asks', async () => {
    let now = 0;
    const cache = createAnswerCache(() => now);
    const { ask, asked } = asker(yes);
    const first = await cache.answer('a', 100, ask);
    now = 99;
    assert.equal(await cache.answer('a', 100, ask), first);
    assert.equal(await cache.answer('b', 100, ask).then((other) => other === first), false);
    assert.equal(asked(), 2);
    assert.notEqual(await cache.answer('a', 50, ask), first);
    now = 300;
    await cache.answer('a', 100, ask);
    assert.equal(asked(), 4);
  });

  it('asks once for all who ask at the same time, even if nothing is kept', async () => {
    const cache = createAnswerCache(() => 0);
    const { ask, asked } = asker(yes);
    const [one, two] = await Promise.all([cache.answer('a', 0, ask), cache.answer('a', 0, ask)]);
    assert.equal(one, two);
    assert.equal(asked(), 1);
    await cache.answer('a', 0, ask);
    assert.equal(asked(), 2);
  });

  it('keeps a failure, and does not keep what is inconclusive', async () => {
    const cache = createAnswerCache(() => 0);
    const no = asker({ outcome: 'fail', code: 'PROCERR', detail: '' });
    await cache.answer('no', 100, no.ask);
    await cache.answer('no', 100, no.ask);
    assert.equal(no.asked(), 1);
    const lack = asker({ outcome: 'inconclusive', code: 'PROCERR', detail: '' });
    await cache.answer('lack', 100, lack.ask);
    await cache.answer('lack', 100, lack.ask);
    assert.equal(lack.asked(), 2);
  });
});
