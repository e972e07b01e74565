import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, createHistory, gaps, lanes, latencyOf } from '#src/dashboard/history.js';
import { sampleView, SERIES } from '../admin/fake-operations.ts';

const START = 1_700_000_000_000;

test('samples are kept once, in order, and those of another process are thrown away', () => {
  const history = createHistory();
  assert.equal(history.last(), 0);
  assert.equal(history.add(SERIES), false);
  assert.equal(history.add({ ...SERIES, samples: [sampleView(2), sampleView(3)] }), false);
  assert.deepEqual(
    history.since(0).map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(
    history.since(START + 2000).map(({ seq }) => seq),
    [2, 3],
  );
  assert.equal(history.add({ ...SERIES, run: 'another', samples: [sampleView(1)] }), true);
  assert.deepEqual([history.last(), history.since(0).length], [1, 1]);
});

test('a time in which nobody measured is null in every column, and a gap', () => {
  const samples = [sampleView(1), sampleView(2), sampleView(9), sampleView(10)];
  const [times, sessions] = columns(samples, ({ seq }) => seq);
  assert.deepEqual(
    times,
    [START + 1000, START + 2000, START + 2001, START + 9000, START + 10_000].map((at) => at / 1000),
  );
  assert.deepEqual(sessions, [1, 2, null, 9, 10]);
  assert.deepEqual(gaps(samples, START - 5000, START + 20_000, 1000), [
    [START - 5000, START],
    [START + 2000, START + 8000],
    [START + 10_000, START + 20_000],
  ]);
  assert.deepEqual(gaps([], START, START + 1, 1000), [[START, START + 1]]);
  assert.deepEqual(
    gaps(samples.slice(0, 2), START, START + 3500, 1000),
    [],
    'the newest is always a little old',
  );
});

test('a long second is one second that was long, not a gap', () => {
  const samples = [sampleView(1), sampleView(6, { seconds: 5 })];
  assert.deepEqual(columns(samples, ({ seq }) => seq)[1], [1, 6]);
});

test('latency is of turns shortly before, and of none where there were none', () => {
  const quiet = sampleView(3, { turn_buckets: [] });
  const samples = [sampleView(1, { turn_buckets: [10] }), sampleView(2, { turn_buckets: [0, 0, 10] }), quiet];
  const p50 = latencyOf(samples, [0.001, 0.01, 0.1], 0.5);
  assert.deepEqual(
    samples.map((sample) => p50(sample)),
    [0.0005, 0.001, null],
  );
});

test('lanes are stretches of one state, and a backend that is gone keeps its past', () => {
  const history = createHistory();
  const [roster] = SERIES.rosters;
  assert.ok(roster);
  history.add({
    ...SERIES,
    rosters: [roster, { id: 2, backends: [{ pool: 'app', backend: '[::1]:9002' }], left_out: 0 }],
    samples: [
      sampleView(1, { states: 'uu' }),
      sampleView(2, { states: 'du' }),
      sampleView(3, { states: 'du' }),
      sampleView(7, { roster: 2, states: 'm' }),
    ],
  });
  const at = (from: number, to: number, state: string) => ({ from: START + from, to: START + to, state });
  assert.deepEqual(lanes(history, history.since(0)), [
    { pool: 'app', backend: '[::1]:9002', stretches: [at(0, 3000, 'up'), at(6000, 7000, 'maintenance')] },
    { pool: 'app', backend: '127.0.0.1:9001', stretches: [at(0, 1000, 'up'), at(1000, 3000, 'down')] },
  ]);
});
