import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readiness } from '#src/metrics/readiness.js';

const up = { pool: 'app', up: true };
const down = { pool: 'app', up: false };
const otherDown = { pool: 'db', up: false };

test('ready while somebody can be served', () => {
  assert.deepEqual(readiness({ phase: 'serving', health: [up, down] }), { ready: true, reasons: [] });
});

test('not ready in any other phase, whatever backends do', () => {
  for (const phase of ['starting', 'draining', 'stopped'] as const) {
    assert.deepEqual(readiness({ phase, health: [up] }), { ready: false, reasons: [phase] });
  }
});

test('a pool that is down is told, and is fatal only when no other is up', () => {
  const reasons = ['pool db has no backend that is up'];
  assert.deepEqual(readiness({ phase: 'serving', health: [up, otherDown] }), { ready: true, reasons });
  const all = readiness({ phase: 'serving', health: [down, otherDown] });
  assert.equal(all.ready, false);
  assert.deepEqual(all.reasons, ['pool app has no backend that is up', ...reasons]);
});
