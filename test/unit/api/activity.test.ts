import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activity } from '#src/api/activity.js';
import { backendView, stateView } from '../admin/fake-operations.ts';

const NOW = stateView();
const [LISTENER] = NOW.listeners;
assert.ok(LISTENER);

function later(seconds: number, some: Partial<typeof LISTENER>, backends = NOW.pools) {
  return stateView({
    clock_seconds: NOW.clock_seconds + seconds,
    listeners: [{ ...(LISTENER as NonNullable<typeof LISTENER>), ...some }],
    pools: backends,
  });
}

test('with nothing to compare with there are no rates, but gauges', () => {
  const { seconds, total, backends } = activity(undefined, NOW);
  assert.equal(seconds, null);
  assert.deepEqual([total.sessions, total.opened, total.p99], [3, null, null]);
  assert.deepEqual([backends[0]?.sessions, backends[0]?.to_client_bytes], [3, null]);
  const another = activity(stateView({ pid: 1 }), later(2, {}));
  assert.equal(another.seconds, null, 'another process counts for itself');
  assert.equal(activity(NOW, NOW).seconds, null, 'no time has passed');
});

test('rates are growth over time that really passed', () => {
  const after = later(2, {
    accepted: 1244,
    to_client_bytes: 20_004_000,
    errors: 1,
    turn_buckets: [0, 4000, 1000, 100],
  });
  const { seconds, total, listeners } = activity(NOW, after);
  assert.equal(seconds, 2);
  assert.deepEqual(
    [total.opened, total.to_client_bytes, total.to_backend_bytes, total.errors, total.turns],
    [5, 2000, 0, 0.5, 50],
  );
  assert.equal(listeners[0]?.p50?.toFixed(6), '0.055000', 'of the turns in between alone');
});

test('what began anew is counted from 0, what is new as well', () => {
  const fresh = backendView('127.0.0.1:9009', { sessions_opened: 8 });
  const again = backendView('127.0.0.1:9001', {
    sessions_opened: 4,
    connect_failures: { refused: 2, timeout: 2 },
  });
  const after = later(2, { accepted: 6 }, [{ name: 'app', algorithm: 'random', backends: [again, fresh] }]);
  const { total, backends } = activity(NOW, after);
  assert.equal(total.opened, 3);
  assert.deepEqual(
    backends.map(({ opened, errors }) => [opened, errors]),
    [
      [2, 2],
      [4, 0],
    ],
  );
});

test('the same address in two pools is two backends', () => {
  const more = backendView('127.0.0.1:9001', { sessions_opened: 1244 });
  const [app, db] = NOW.pools;
  assert.ok(app && db);
  const { backends } = activity(NOW, later(1, {}, [app, { ...db, backends: [more] }]));
  const opened = backends.filter(({ backend }) => backend === '127.0.0.1:9001').map((each) => each.opened);
  assert.deepEqual(opened, [0, 10]);
});
