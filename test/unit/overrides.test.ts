// Changes at run time against files that change: who has the last word, and what is remembered.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import type { Config } from '#src/config/config.js';
import { loadConfigText } from '#src/config/load.js';
import { createOverrideStore, formatMerged, mergeWeight } from '#src/overrides.js';

/** A pool `app` with these weights, by last number of the address. */
function file(weights: Readonly<Record<number, number>>): Config {
  const backends = Object.entries(weights).map(([at, weight]) => ({
    host: `10.0.0.${at}`,
    port: 80,
    weight,
  }));
  const pools = { app: { backends }, other: { backends: [{ host: '10.0.0.1', port: 80 }] } };
  const listeners = { a: { listen: 8080, pool: 'app' }, b: { listen: 8081, pool: 'other' } };
  const loaded = loadConfigText('test', JSON.stringify({ listeners, pools }));
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

function open(weights: Readonly<Record<number, number>>) {
  let config = file(weights);
  let touches = 0;
  const store = createOverrideStore({ config: () => config, touch: () => void (touches += 1) });
  return {
    store,
    touches: () => touches,
    take(next: Readonly<Record<number, number>>) {
      config = file(next);
      return store.settle(config);
    },
    weight: (of: Config = config, backend = '10.0.0.1:80') => store.for(of).weight('app', backend),
  };
}

describe('mergeWeight', () => {
  const weight = fc.nat({ max: 5 });

  it('knows the four cases', () => {
    assert.deepEqual(mergeWeight(1, 1, 5), { outcome: 'kept', inForce: 5 });
    assert.deepEqual(mergeWeight(1, 5, 5), { outcome: 'agreed', inForce: 5 });
    assert.deepEqual(mergeWeight(1, 3, 5), { outcome: 'overruled', inForce: 3 });
    assert.deepEqual(mergeWeight(1, 1, 1), { outcome: 'agreed', inForce: 1 });
  });

  it('takes the side that changed, and the file where both did', () => {
    fc.assert(
      fc.property(weight, weight, weight, (before, after, wanted) => {
        const { inForce } = mergeWeight(before, after, wanted);
        if (before === after) assert.equal(inForce, wanted);
        else assert.equal(inForce, after);
      }),
    );
  });
});

describe('createOverrideStore', () => {
  it('asks for a snapshot after each change, and for none when nothing changes', () => {
    const { store, touches } = open({ 1: 10 });
    assert.deepEqual(store.setWeight('app', '10.0.0.1:80', 3), { ok: true });
    assert.equal(touches(), 1);
    store.hold('app', '10.0.0.1:80', 'drain');
    assert.equal(touches(), 2);
    store.release('app', '10.0.0.1:80');
    store.release('app', '10.0.0.1:80');
    assert.equal(touches(), 3);
    store.resetWeight('app', '10.0.0.1:80');
    store.resetWeight('app', '10.0.0.1:80');
    assert.equal(touches(), 4);
  });

  it('concerns one backend of one pool', () => {
    const { store } = open({ 1: 10, 2: 10 });
    store.setWeight('app', '10.0.0.1:80', 3);
    store.hold('app', '10.0.0.2:80', 'maintenance');
    const overrides = store.for(file({ 1: 10, 2: 10 }));
    assert.equal(overrides.weight('app', '10.0.0.1:80'), 3);
    assert.equal(overrides.weight('other', '10.0.0.1:80'), undefined);
    assert.equal(overrides.weight('app', '10.0.0.2:80'), undefined);
    assert.deepEqual(
      [overrides.isHeld('app', '10.0.0.2:80'), overrides.isHeld('app', '10.0.0.1:80')],
      [true, false],
    );
  });

  it('refuses what is not there and what is no weight', () => {
    const { store, touches } = open({ 1: 10 });
    const backend = '10.0.0.1:80';
    for (const weight of [-1, 1.5, Number.NaN, 65_536])
      assert.equal(store.setWeight('app', backend, weight).ok, false);
    for (const [pool, who] of [
      ['nope', backend],
      ['app', '10.0.0.9:80'],
    ] as const) {
      for (const outcome of [
        store.setWeight(pool, who, 1),
        store.hold(pool, who, 'drain'),
        store.release(pool, who),
      ]) {
        assert.ok(!outcome.ok);
        assert.match(outcome.message, /there is no backend/);
      }
    }
    assert.equal(touches(), 0);
    assert.deepEqual(store.list(), []);
  });

  it('a weight that is the file’s own is nothing to remember', () => {
    const { store } = open({ 1: 10 });
    store.setWeight('app', '10.0.0.1:80', 3);
    store.setWeight('app', '10.0.0.1:80', 10);
    assert.deepEqual(store.list(), []);
  });

  it('a config that is tried and refused costs nothing', () => {
    const { store, weight } = open({ 1: 10 });
    store.setWeight('app', '10.0.0.1:80', 3);
    assert.equal(weight(file({ 1: 20 })), undefined, 'what the tried config says would be in force');
    assert.equal(weight(), 3, 'it was refused: the change stands');
  });

  it('merges three ways when a config takes force, and says so', () => {
    const { store, take, weight } = open({ 1: 10, 2: 10, 3: 10, 4: 10 });
    for (const at of [1, 2, 3, 4]) store.setWeight('app', `10.0.0.${at}:80`, 3);
    store.hold('app', '10.0.0.2:80', 'drain');
    store.hold('app', '10.0.0.4:80', 'maintenance');
    const merged = take({ 1: 10, 2: 3, 3: 7 });
    assert.equal(
      formatMerged(merged),
      [
        '= pool app: backend 10.0.0.1:80: weight 3: set at run time, kept',
        '- pool app: backend 10.0.0.2:80: weight 3: set at run time, the file says the same now',
        '~ pool app: backend 10.0.0.3:80: weight 3: set at run time, the file has changed it to 7',
        '- pool app: backend 10.0.0.4:80: weight 3: set at run time, the backend is gone',
        '= pool app: backend 10.0.0.2:80: hold drain: set at run time, kept',
        '- pool app: backend 10.0.0.4:80: hold maintenance: set at run time, the backend is gone',
        '',
      ].join('\n'),
    );
    assert.deepEqual(
      merged.map(({ inForce }) => inForce),
      [3, 3, 7, undefined, 'drain', undefined],
    );
    assert.deepEqual(
      store.list().map(({ backend, field }) => `${backend} ${field}`),
      ['10.0.0.1:80 weight', '10.0.0.2:80 hold'],
    );
    assert.equal(weight(), 3);
    take({ 1: 10, 2: 3, 4: 10 });
    assert.equal(
      store.for(file({ 4: 10 })).isHeld('app', '10.0.0.4:80'),
      false,
      'one that comes back is a new one',
    );
    assert.equal(formatMerged([]), '');
  });

  it('what the file overruled does not come back with the old file', () => {
    const { store, take, weight } = open({ 1: 10 });
    store.setWeight('app', '10.0.0.1:80', 3);
    take({ 1: 7 });
    take({ 1: 10 });
    assert.equal(weight(), undefined);
  });
});
