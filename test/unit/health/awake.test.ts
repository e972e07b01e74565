// Deadlines in time awake: exact when all is well, patient with a thread that was not there.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAwake } from '#src/health/awake.js';
import { createFakeTime, settled } from './fake-time.ts';

describe('deadline', () => {
  it('expires once, when the time is over', async () => {
    const time = createFakeTime();
    let expired = 0;
    createAwake(time).deadline(300, () => (expired += 1));
    await time.advance(299);
    assert.equal(expired, 0);
    await time.advance(5);
    assert.equal(expired, 1);
    await time.advance(1000);
    assert.equal(expired, 1);
    assert.equal(time.pending(), 0, 'and leaves no timer');
  });

  it('does not count what was slept through', async () => {
    const time = createFakeTime();
    const awake = createAwake(time);
    let expired = false;
    awake.deadline(1000, () => (expired = true));
    await time.advance(200);
    time.freeze(5000);
    await time.advance(700);
    assert.equal(expired, false);
    await time.advance(150);
    assert.equal(expired, true);
    assert.ok(awake.slept() >= 4900 && awake.slept() <= 5100, `${awake.slept()}`);
  });

  it('gives data that lies in the socket two more turns when it is late', async () => {
    const time = createFakeTime();
    const awake = createAwake(time);
    let expired = false;
    const cancel = awake.deadline(10, () => (expired = true));
    const turns: (() => void)[] = [];
    time.turn = (run) => turns.push(run);
    await time.advance(10);
    assert.deepEqual([turns.length, expired], [1, false]);
    turns.shift()?.();
    assert.deepEqual([turns.length, expired], [1, false]);
    cancel();
    turns.shift()?.();
    assert.equal(expired, false, 'what was read in time cancels it');
  });

  it('takes uneven timers for granted', async () => {
    const time = createFakeTime();
    const awake = createAwake(time);
    const unwatch = awake.watch();
    for (let n = 0; n < 50; n += 1) {
      time.freeze(15);
      await time.advance(25);
    }
    assert.ok(awake.slept() < 100, `${awake.slept()} ms`);
    unwatch();
    await settled();
    assert.equal(time.pending(), 0);
  });

  it('watches only while somebody asks for it', async () => {
    const time = createFakeTime();
    const awake = createAwake(time);
    time.freeze(60_000);
    assert.equal(awake.slept(), 0);
    const one = awake.watch();
    const two = awake.watch();
    one();
    one();
    await time.advance(100);
    time.freeze(500);
    assert.ok(awake.slept() > 400, 'the second one still watches');
    two();
    assert.equal(time.pending(), 0);
  });
});
