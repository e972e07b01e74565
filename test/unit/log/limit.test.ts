import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter } from '#src/log-limit.js';
import { createFakeTime } from '../health/fake-time.ts';

function told(): { readonly lines: string[]; say(name: string): (suppressed: number) => void } {
  const lines: string[] = [];
  return { lines, say: (name) => (suppressed) => lines.push(`${name}+${suppressed}`) };
}

test('the first is told at once, the last of a period at its end with the number of those between', async () => {
  const time = createFakeTime();
  const limiter = createLimiter(time);
  const { lines, say } = told();
  for (const name of ['a', 'b', 'c', 'd']) limiter.offer('kind', 1000, say(name));
  assert.deepEqual(lines, ['a+0']);
  await time.advance(1000);
  assert.deepEqual(lines, ['a+0', 'd+2']);
});

test('for a storm without end, one line per period and not one event uncounted', async () => {
  const time = createFakeTime();
  const limiter = createLimiter(time);
  let lines = 0;
  let events = 0;
  for (let step = 0; step < 100; step += 1) {
    limiter.offer('kind', 1000, (suppressed) => {
      lines += 1;
      events += 1 + suppressed;
    });
    await time.advance(100);
  }
  limiter.flush();
  assert.equal(events, 100);
  assert.ok(lines >= 10 && lines <= 12, `${lines} lines in 10 periods`);
});

test('what comes seldom is always told at once, and nothing is left behind', async () => {
  const time = createFakeTime();
  const limiter = createLimiter(time);
  const { lines, say } = told();
  for (let step = 0; step < 3; step += 1) {
    limiter.offer('kind', 1000, say('x'));
    await time.advance(1001);
  }
  assert.deepEqual(lines, ['x+0', 'x+0', 'x+0']);
  assert.equal(time.pending(), 0);
});

test('kinds do not hold each other up, and beyond a thousand they share one', () => {
  const limiter = createLimiter(createFakeTime());
  const { lines, say } = told();
  for (let kind = 0; kind < 3000; kind += 1) limiter.offer(`kind ${kind}`, 1000, say('x'));
  assert.equal(lines.length, 1001);
});

test('flush tells what waits', () => {
  const time = createFakeTime();
  const limiter = createLimiter(time);
  const { lines, say } = told();
  limiter.offer('kind', 1000, say('a'));
  limiter.offer('kind', 1000, say('b'));
  limiter.flush();
  assert.deepEqual(lines, ['a+0', 'b+0']);
  assert.equal(time.pending(), 0);
});
