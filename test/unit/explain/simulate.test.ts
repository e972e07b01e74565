// Many clients before and after a change: shares, peaks, and who moves.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Config } from '#src/config/config.js';
import { eachClient } from '#src/explain/clients.js';
import { printSimulation } from '#src/explain/print-simulate.js';
import { type PoolSimulation, simulate } from '#src/explain/simulate.js';
import { configOf, flat } from './configs.ts';

const CLIENTS = 20_000;

function run(before: Config, after?: Config, down: readonly string[] = [], seed = 1): PoolSimulation {
  const change = after === undefined ? undefined : { config: after, down: new Set(down) };
  const { pools } = simulate({ before, change, clients: CLIENTS, seed });
  assert.equal(pools.length, 1);
  return pools[0] as PoolSimulation;
}

describe('eachClient', () => {
  it('has as many different addresses as are asked for, the same ones for a seed', () => {
    const list = (seed: number): readonly string[] => {
      const all: string[] = [];
      eachClient(50_000, seed, (bytes) => all.push(bytes.join('.')));
      return all;
    };
    assert.equal(new Set(list(1)).size, 50_000);
    assert.deepEqual(list(7), list(7));
    assert.notDeepEqual(list(1), list(2));
  });
});

describe('shares', () => {
  it('are exact in turns and by sessions, and whole', () => {
    for (const algorithm of ['round_robin', 'least_connections', 'least_response_time']) {
      const { before, after, moved } = run(flat([{ weight: 2 }, {}, {}], { algorithm }));
      assert.deepEqual(
        before?.backends.map(({ clients }) => clients),
        [10_000, 5_000, 5_000],
        algorithm,
      );
      assert.deepEqual([before?.unserved, after, moved], [0, undefined, undefined]);
    }
  });

  it('come near what weights say where chance or a hash decides, and the farthest from it is the peak', () => {
    for (const algorithm of ['ip_hash', 'random']) {
      const { before } = run(flat([{ weight: 4 }, { weight: 2 }, {}, {}], { algorithm }));
      assert.ok(before?.peak);
      assert.equal(
        before.backends.reduce((sum, { clients }) => sum + clients, 0),
        CLIENTS,
      );
      for (const { share, expected } of before.backends)
        assert.ok(Math.abs(share - expected) < 0.02, algorithm);
      const ratios = before.backends.map(({ share, expected }) => share / expected);
      assert.equal(before.peak.ratio, Math.max(...ratios));
      assert.equal(before.backends[ratios.indexOf(before.peak.ratio)]?.backend, before.peak.backend);
    }
  });

  it('count who is above a limit', () => {
    const { before } = run(flat([{ max_connections: 6_000 }, {}], { algorithm: 'round_robin' }));
    assert.deepEqual(
      before?.backends.map(({ overLimit }) => overLimit),
      [4_000, 0],
    );
  });
});

describe('moved clients', () => {
  const hash = { algorithm: 'ip_hash' };

  it('none when nothing changes but the order', () => {
    const config = configOf({
      listen: 8080,
      algorithm: 'ip_hash',
      backends: [3, 1, 2].map((n) => ({ host: `10.0.0.${n}`, port: 80 })),
    });
    assert.deepEqual(run(flat([{}, {}, {}], hash), config).moved, { clients: 0, share: 0, ideal: 0 });
  });

  it('exactly those of a backend that dies', () => {
    const config = flat([{}, {}, {}, {}], hash);
    const { before, moved } = run(config, config, ['10.0.0.3:80']);
    assert.equal(moved?.clients, before?.backends[2]?.clients);
    assert.ok(Math.abs((moved?.ideal as number) - 0.25) < 1e-9);
  });

  it('little more than they must when one comes or a weight changes, and never fewer', () => {
    const changes = [
      flat([{}, {}, {}, {}, {}], hash),
      flat([{ weight: 2 }, {}, {}, {}], hash),
      flat([{}, {}, {}], hash),
    ];
    for (const after of changes) {
      const { moved } = run(flat([{}, {}, {}, {}], hash), after);
      assert.ok(moved);
      assert.equal(moved.share, moved.clients / CLIENTS);
      // What clients are worth differs a little from what weights say, with so few of them.
      assert.ok(moved.share > moved.ideal - 0.02 && moved.share < moved.ideal + 0.15, JSON.stringify(moved));
    }
  });

  it('all of them when nobody is left', () => {
    const config = flat([{}, {}], hash);
    const { after, moved } = run(config, config, ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual([after?.unserved, after?.peak, after?.grounds], [CLIENTS, undefined, 'nobody']);
    assert.deepEqual(moved, { clients: CLIENTS, share: 1, ideal: 1 });
  });

  it('are not asked for where nobody is bound', () => {
    const { after, moved } = run(flat([{}, {}], hash), flat([{}, {}]));
    assert.ok(after);
    assert.equal(moved, undefined);
  });
});

describe('simulate', () => {
  it('is the same for the same seed', () => {
    const config = flat([{}, {}, {}], { algorithm: 'power_of_two' });
    assert.deepEqual(run(config), run(config));
    const hashed = flat([{}, {}, {}], { algorithm: 'ip_hash' });
    assert.notDeepEqual(run(hashed), run(hashed, undefined, [], 2));
  });

  it('shows every pool, also those that come and go', () => {
    const backends = [{ host: '10.0.0.1', port: 80 }];
    const full = (...names: readonly string[]): Config =>
      configOf({
        listeners: Object.fromEntries(names.map((name, at) => [name, { listen: 8000 + at, pool: name }])),
        pools: Object.fromEntries(names.map((name) => [name, { backends }])),
      });
    const simulation = simulate({
      before: full('old', 'both'),
      change: { config: full('both', 'new'), down: new Set() },
      clients: 10,
      seed: 1,
    });
    const sides = simulation.pools.map(({ pool, before, after }) => [
      pool,
      before !== undefined,
      after !== undefined,
    ]);
    assert.deepEqual(sides, [
      ['old', true, false],
      ['both', true, true],
      ['new', false, true],
    ]);
    const text = printSimulation(simulation);
    assert.match(text, /pool new: round_robin \(new\)/);
    assert.match(text, /pool old: round_robin \(gone\)/);
    assert.match(text, /moved: not asked/);
  });
});
