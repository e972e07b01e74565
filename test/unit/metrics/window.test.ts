import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWindows, ERRORS_WINDOW_MS, type Reading, READ_EVERY_MS } from '#src/metrics/window.js';

function reading(turns: number, closed: number = 0, errors: number = 0): Reading {
  return new Map([['web', { turns: BigInt(turns), closed: BigInt(closed), errors: BigInt(errors) }]]);
}

test('a steady rate is told as such, from the first second on and for ever', () => {
  const windows = createWindows();
  windows.add(0, reading(0));
  for (let at = READ_EVERY_MS; at <= 200_000; at += READ_EVERY_MS) {
    windows.add(at, reading(at / 10));
    assert.equal(windows.rates(at + 500, reading((at + 500) / 10)).get('web')?.turnsPerSecond, 100);
  }
});

test('nothing happening is 0, not a division by it', () => {
  const windows = createWindows();
  assert.deepEqual(windows.rates(0, reading(0)).get('web'), { turnsPerSecond: 0, errorShare: 0 });
  windows.add(0, reading(0));
  assert.deepEqual(windows.rates(0, reading(0)).get('web'), { turnsPerSecond: 0, errorShare: 0 });
});

test('a burst within the first moments is not made into an absurd rate', () => {
  const windows = createWindows();
  windows.add(0, reading(0));
  assert.equal(windows.rates(1, reading(50)).get('web')?.turnsPerSecond, 50);
});

test('a process that was held up tells the average over what has passed', () => {
  const windows = createWindows();
  windows.add(0, reading(0));
  assert.equal(windows.rates(40_000, reading(4000)).get('web')?.turnsPerSecond, 100);
});

test('errors are forgotten when their window is over', () => {
  const windows = createWindows();
  windows.add(0, reading(0));
  windows.add(2000, reading(0, 10, 5));
  assert.equal(windows.rates(3000, reading(0, 10, 5)).get('web')?.errorShare, 0.5);
  for (let at = 4000; at <= 2000 + ERRORS_WINDOW_MS; at += READ_EVERY_MS) windows.add(at, reading(0, 10, 5));
  const later = 2000 + ERRORS_WINDOW_MS;
  assert.equal(windows.rates(later, reading(0, 20, 6)).get('web')?.errorShare, 0.1);
});

test('a listener that is new, or counts from 0 again, never has a negative rate', () => {
  const windows = createWindows();
  windows.add(0, reading(1000, 100, 100));
  const rates = windows.rates(
    10_000,
    new Map([...reading(10, 4, 1), ['new', { turns: 20n, closed: 2n, errors: 2n }]]),
  );
  assert.deepEqual(rates.get('web'), { turnsPerSecond: 1, errorShare: 0.25 });
  assert.deepEqual(rates.get('new'), { turnsPerSecond: 2, errorShare: 1 });
});
