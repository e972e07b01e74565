// The ring of samples: what is in one, when they are taken, how many are kept, and what a gap is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seriesSchema } from '#src/admin/schemas.js';
import {
  createRecorder,
  EVERY_MS,
  type FollowedBackend,
  LINGER_MS,
  MOST_FOLLOWED,
  MOST_SAMPLES,
  type Recorder,
} from '#src/admin/series.js';
import type { ListenerCounters } from '#src/engine/engine.js';
import { backendCounters, closed, listenerCounters, workerCounters } from '../metrics/fake-source.ts';

const DAY = 1_700_000_000_000;

interface World {
  readonly recorder: Recorder;
  listeners: ListenerCounters[];
  failures: bigint;
  accepted: bigint;
  backends: FollowedBackend[];
  reads: number;
  /** Lets time pass, a second at a time. */
  pass(seconds: number): void;
  /** The loop stood still: time passes and nobody is called. */
  stall(ms: number): void;
}

function world(): World {
  let now = 0;
  let due: { at: number; run: () => void } | undefined;
  const made: World = {
    listeners: [listenerCounters(1)],
    failures: 0n,
    accepted: 0n,
    backends: [{ pool: 'app', backend: 'a:1', state: 'up' }],
    reads: 0,
    recorder: createRecorder({
      run: 'run',
      turnBounds: () => [0.001, 0.01],
      read() {
        made.reads += 1;
        return {
          counters: {
            eventsDropped: 0n,
            generation: 1,
            listeners: made.listeners,
            backends: [backendCounters(1, { failures: [made.failures, 0n, 0n, 0n, 0n, 0n] })],
            workers: [workerCounters({ sessions: 2n, accepted: made.accepted })],
          },
          backends: made.backends,
        };
      },
      clock: {
        now: () => now,
        date: () => DAY + now,
        every(ms, run) {
          due = { at: now + ms, run };
          return () => (due = undefined);
        },
      },
    }),
    pass(seconds) {
      for (let second = 0; second < seconds; second += 1) {
        now += EVERY_MS;
        if (due !== undefined && due.at <= now) {
          due.at = now + EVERY_MS;
          due.run();
        }
      }
    },
    stall(ms) {
      now += ms;
    },
  };
  return made;
}

test('nothing is read until somebody looks, and the first look has nothing to compare with', () => {
  const lab = world();
  lab.pass(10);
  assert.equal(lab.reads, 0);
  const first = lab.recorder.view(0);
  assert.deepEqual([first.samples, first.run, first.kept_seconds], [[], 'run', 600]);
  assert.deepEqual(seriesSchema.safeParse(first).error?.issues ?? [], []);
});

test('a sample is what happened since the one before', () => {
  const lab = world();
  lab.listeners = [
    listenerCounters(1, { accepted: 100n, closed: closed({ finished: 90n }), turnBuckets: [5n, 5n, 0n] }),
  ];
  lab.recorder.view(0);
  lab.listeners = [
    listenerCounters(1, {
      accepted: 103n,
      active: 11n,
      toBackendBytes: 50n,
      toClientBytes: 60n,
      closed: closed({ finished: 91n, no_backend: 1n, killed: 1n }),
      turnBuckets: [5n, 9n, 0n],
    }),
    // A new one: all that it has counted has happened since.
    listenerCounters(2, { accepted: 4n, active: 1n, turnBuckets: [1n, 0n, 0n] }),
  ];
  lab.failures = 2n;
  lab.accepted = 7n;
  lab.stall(500);
  lab.pass(1);
  const view = lab.recorder.view(0);
  assert.deepEqual(view.samples, [
    {
      seq: 1,
      at: DAY + 1500,
      seconds: 1.5,
      sessions: 12,
      accepted: 7,
      to_backend_bytes: 50,
      to_client_bytes: 60,
      closed: { finished: 1, no_backend: 1, killed: 1 },
      errors: 1,
      connect_failures: 2,
      turn_buckets: [1, 4],
      roster: 1,
      states: 'u',
      worker_sessions: [2],
      worker_accepted: [7],
    },
  ]);
  assert.deepEqual(seriesSchema.safeParse(view).error?.issues ?? [], []);
});

test('a listener that is gone, or has begun anew, takes nothing away', () => {
  const lab = world();
  lab.listeners = [listenerCounters(1, { accepted: 100n }), listenerCounters(2, { accepted: 50n })];
  lab.recorder.view(0);
  lab.listeners = [listenerCounters(1, { accepted: 3n })];
  lab.pass(1);
  assert.equal(lab.recorder.view(0).samples[0]?.accepted, 3);
});

test('who asks for what comes after gets that, and one who knows another run gets all', () => {
  const lab = world();
  lab.recorder.view(0);
  lab.pass(5);
  assert.deepEqual(
    lab.recorder.view(3).samples.map(({ seq }) => seq),
    [4, 5],
  );
  assert.deepEqual(lab.recorder.view(5).samples, []);
  assert.equal(lab.recorder.view(1000).samples.length, 5);
});

test('so many are kept and no more', () => {
  const lab = world();
  lab.recorder.view(0);
  for (let round = 0; round < 3; round += 1) {
    lab.pass(MOST_SAMPLES / 2);
    lab.recorder.view(0);
  }
  const { samples } = lab.recorder.view(0);
  assert.equal(samples.length, MOST_SAMPLES);
  assert.equal(samples.at(-1)?.seq, 1.5 * MOST_SAMPLES);
});

test('it goes on for a while after the last look, then stops; what was missed is a gap', () => {
  const lab = world();
  lab.recorder.view(0);
  lab.pass(300);
  assert.equal(lab.recorder.view(0).samples.length, 300, 'nobody looked, and it was kept for who comes back');
  lab.pass(LINGER_MS / EVERY_MS + 5);
  const reads = lab.reads;
  lab.pass(200);
  assert.equal(lab.reads, reads, 'nothing is read any more');
  lab.listeners = [listenerCounters(1, { accepted: 1000n })];
  const before = lab.recorder.view(0).samples;
  assert.ok(before.length < 410 && before.length > 390, `only those not too old are told: ${before.length}`);
  lab.pass(1);
  const fresh = lab.recorder.view(before.at(-1)?.seq ?? 0).samples;
  assert.deepEqual(
    fresh.map(({ seconds, accepted }) => [seconds, accepted]),
    [[1, 0]],
    'the gap is nobody’s second',
  );
});

test('letters are of the roster of their time, and rosters that no sample needs are forgotten', () => {
  const lab = world();
  lab.recorder.view(0);
  lab.backends = [
    { pool: 'app', backend: 'a:1', state: 'down' },
    { pool: 'app', backend: 'b:1', state: 'drain' },
    { pool: 'db', backend: 'b:1', state: 'maintenance' },
  ];
  lab.pass(2);
  const view = lab.recorder.view(0);
  assert.deepEqual(
    view.samples.map(({ roster, states }) => [roster, states]),
    [
      [1, 'drm'],
      [1, 'drm'],
    ],
  );
  lab.backends = [{ pool: 'app', backend: 'a:1', state: 'up' }];
  lab.pass(1);
  const both = lab.recorder.view(0);
  assert.deepEqual(
    both.rosters.map(({ id, backends }) => [id, backends.length]),
    [
      [1, 3],
      [2, 1],
    ],
  );
  lab.pass(MOST_SAMPLES - 10);
  lab.recorder.view(0);
  lab.pass(20);
  assert.deepEqual(
    lab.recorder.view(0).rosters.map(({ id }) => id),
    [2],
  );
});

test('of very many backends the first are followed, and it is told how many are not', () => {
  const lab = world();
  lab.backends = Array.from({ length: MOST_FOLLOWED + 7 }, (_, at) => ({
    pool: 'app',
    backend: `a:${at}`,
    state: 'up',
  }));
  lab.recorder.view(0);
  lab.pass(1);
  const { rosters, samples } = lab.recorder.view(0);
  assert.deepEqual(
    [rosters[0]?.backends.length, rosters[0]?.left_out, samples[0]?.states.length],
    [MOST_FOLLOWED, 7, MOST_FOLLOWED],
  );
});
