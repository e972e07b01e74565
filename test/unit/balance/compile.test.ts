// Who is a member on what grounds, and which table each policy gets.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PlanBackend, compile, createCompiler, membership } from '#src/balance/compile.js';

function backend(name: string, fields: Partial<PlanBackend> = {}): PlanBackend {
  return { key: `${name}:80`, weight: 1, backup: false, up: true, ...fields };
}

describe('membership', () => {
  it('is the primaries that are up', () => {
    const backends = [
      backend('a'),
      backend('b', { up: false }),
      backend('c'),
      backend('d', { backup: true }),
    ];
    assert.deepEqual(membership(backends, 0), { grounds: 'primaries', members: [0, 2] });
  });

  it('leaves weight 0 out, up or not, primary or backup', () => {
    const backends = [backend('a', { weight: 0 }), backend('b', { weight: 0, backup: true })];
    assert.deepEqual(membership(backends, 100), { grounds: 'nobody', members: [] });
  });

  it('is the backups when no primary is up, and only those that are up', () => {
    const backends = [
      backend('a', { up: false }),
      backend('b', { backup: true }),
      backend('c', { backup: true, up: false }),
    ];
    assert.deepEqual(membership(backends, 0), { grounds: 'backups', members: [1] });
  });

  it('is nobody when nobody is up and no panic is asked for', () => {
    const backends = [backend('a', { up: false }), backend('b', { up: false, backup: true })];
    assert.deepEqual(membership(backends, 0), { grounds: 'nobody', members: [] });
  });

  describe('in panic', () => {
    const four = (ill: number): PlanBackend[] =>
      [0, 1, 2, 3].map((at) => backend(`b${at}`, { up: at >= ill }));

    it('is all primaries below the threshold, not at it', () => {
      assert.deepEqual(membership(four(3), 50), { grounds: 'panic', members: [0, 1, 2, 3] });
      assert.deepEqual(membership(four(2), 50), { grounds: 'primaries', members: [2, 3] });
      assert.deepEqual(membership(four(4), 1), { grounds: 'panic', members: [0, 1, 2, 3] });
    });

    it('counts only primaries that have a weight', () => {
      const backends = [
        ...four(2),
        backend('x', { weight: 0, up: false }),
        backend('y', { backup: true, up: false }),
      ];
      assert.deepEqual(membership(backends, 50).members, [2, 3]);
    });

    it('prefers a backup that is up to primaries none of which is', () => {
      const backends = [...four(4), backend('spare', { backup: true })];
      assert.deepEqual(membership(backends, 50), { grounds: 'backups', members: [4] });
    });
  });
});

describe('compile', () => {
  it('gives round robin in both its names one smooth cycle of indexes', () => {
    const backends = [
      backend('a', { weight: 5 }),
      backend('dead', { up: false }),
      backend('b'),
      backend('c'),
    ];
    for (const policy of ['round_robin', 'weighted_round_robin'] as const) {
      assert.deepEqual(compile(policy, backends, 0), {
        kind: 'sequence',
        members: [0, 2, 3],
        table: Uint16Array.from([0, 0, 2, 0, 3, 0, 0]),
      });
    }
  });

  it('gives random and power of two the weighted cycle', () => {
    const backends = [backend('a', { weight: 3 }), backend('b')];
    assert.deepEqual(compile('random', backends, 0), {
      kind: 'random',
      members: [0, 1],
      table: Uint16Array.from([0, 0, 1, 0]),
    });
    assert.equal(compile('power_of_two', backends, 0).kind, 'two');
  });

  it('gives the policies that look at loads no table', () => {
    const backends = [backend('a'), backend('b')];
    assert.deepEqual(compile('least_connections', backends, 0), {
      kind: 'least',
      members: [0, 1],
      table: new Uint16Array(0),
    });
    assert.equal(compile('least_response_time', backends, 0).kind, 'ewma');
  });

  it('gives nobody an empty plan of every kind but hash, which keeps its places', () => {
    const backends = [backend('a', { up: false })];
    for (const policy of ['round_robin', 'random', 'power_of_two', 'least_connections'] as const) {
      const plan = compile(policy, backends, 0);
      assert.deepEqual([plan.members.length, plan.table.length], [0, 0]);
    }
    assert.equal(compile('ip_hash', backends, 0).members.length, 0);
    assert.equal(compile('ip_hash', [], 0).table.length, 0);
  });
});

describe('compile for ip_hash', () => {
  const backends = [
    backend('a'),
    backend('b', { weight: 2 }),
    backend('out', { weight: 0 }),
    backend('spare', { backup: true }),
    backend('c'),
  ];
  const sick = (...ill: string[]): PlanBackend[] =>
    backends.map((one) => (ill.includes(one.key.slice(0, -3)) ? { ...one, up: false } : one));

  it('places every primary that has a weight, whatever its health', () => {
    const { compile: once } = createCompiler();
    const well = once('ip_hash', backends, 0);
    assert.deepEqual([...new Set(well.table)].sort(), [0, 1, 4]);
    const one = once('ip_hash', sick('a'), 0);
    assert.deepEqual(one.members, [1, 4]);
    assert.equal(one.table, well.table, 'a change of health builds no table');
  });

  it('places the backups when no primary is up', () => {
    const plan = compile('ip_hash', sick('a', 'b', 'c'), 0);
    assert.deepEqual(plan.members, [3]);
    assert.deepEqual([...new Set(plan.table)], [3]);
  });

  it('names the same backends whatever their order in the file', () => {
    const keysOf = (list: readonly PlanBackend[]): string[] =>
      [...compile('ip_hash', list, 0).table].map((index) => list[index]?.key ?? '');
    assert.deepEqual(keysOf([...backends].reverse()), keysOf(backends));
  });

  it('builds anew when a weight or a key changes', () => {
    const { compile: once } = createCompiler();
    const before = once('ip_hash', backends, 0).table;
    const heavier = backends.map((one, at) => (at === 0 ? { ...one, weight: 9 } : one));
    const renamed = backends.map((one, at) => (at === 0 ? { ...one, key: 'other:80' } : one));
    assert.notDeepEqual(once('ip_hash', heavier, 0).table, before);
    assert.notDeepEqual(once('ip_hash', renamed, 0).table, before);
    assert.equal(once('ip_hash', backends, 0).table, before);
  });
});
