// Picking from plans: turns, draws, places of clients, and who takes over from one that cannot be had.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PlanBackend, type Policy, compile } from '#src/balance/compile.js';
import { addressBytes, hashAddress } from '#src/balance/hash.js';
import { createPicker } from '#src/balance/pick.js';

const everyone = (): boolean => true;
const nobody = (): boolean => false;

function pool(weights: readonly number[], dead: readonly number[] = []): PlanBackend[] {
  return weights.map((weight, at) => ({
    key: `10.0.0.${at}:80`,
    weight,
    backup: false,
    up: !dead.includes(at),
  }));
}

const clients = Array.from({ length: 4000 }, (_, n) => {
  const text = `127.${1 + (n % 200)}.${Math.floor(n / 200) % 250}.7`;
  return { text, bytes: addressBytes(text) ?? new Uint8Array(0) };
});

describe('createPicker', () => {
  const policies: readonly Policy[] = [
    'round_robin',
    'random',
    'power_of_two',
    'least_connections',
    'least_response_time',
    'ip_hash',
  ];
  for (const policy of policies) {
    it(`${policy}: picks nobody when nobody is there or usable, and the only one that is`, () => {
      const client = Uint8Array.of(127, 0, 0, 1);
      assert.equal(createPicker(compile(policy, [], 0)).pick({ client, usable: everyone }), undefined);
      const picker = createPicker(compile(policy, pool([1, 2, 3], [1]), 0));
      assert.equal(picker.pick({ client, usable: nobody }), undefined);
      for (let n = 0; n < 20; n += 1) {
        assert.equal(picker.pick({ client, usable: (index) => index === 2 }), 2);
        assert.notEqual(picker.pick({ client, usable: everyone }), 1, 'a dead one');
      }
    });
  }

  it('sequence: takes turns by weight and passes over who is full', () => {
    const picker = createPicker(compile('round_robin', pool([5, 1, 1]), 0));
    const take = (): number | undefined => picker.pick({ usable: everyone });
    assert.deepEqual(Array.from({ length: 14 }, take), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    assert.deepEqual(
      Array.from({ length: 4 }, () => picker.pick({ usable: (index) => index !== 0 })),
      [1, 1, 1, 2],
    );
  });

  it('random: follows the draw', () => {
    const picker = createPicker(compile('random', pool([3, 1]), 0));
    const draws = [0, 0.3, 0.5, 0.99].map((value) => picker.pick({ usable: everyone, random: () => value }));
    assert.deepEqual(draws, [0, 0, 1, 0]);
  });

  it('two: takes the cheaper of two different ones', () => {
    const picker = createPicker(compile('power_of_two', pool([1, 1, 1]), 0));
    const picked = picker.pick({ usable: everyone, random: () => 0, cost: (index) => [5, 1, 0][index] ?? 0 });
    assert.equal(picked, 1, 'the second draw falls on the first one again and goes on to the next');
  });

  it('least: takes the cheapest, and equals in turn', () => {
    const picker = createPicker(compile('least_connections', pool([1, 1, 1]), 0));
    const turns = Array.from({ length: 6 }, () => picker.pick({ usable: everyone }));
    assert.deepEqual(turns, [0, 1, 2, 0, 1, 2]);
    assert.equal(picker.pick({ usable: everyone, cost: (index) => [2, 1, 2][index] ?? 0 }), 1);
  });
});

describe('picking by hash', () => {
  const pickAll = (
    plan: ReturnType<typeof compile>,
    usable: (index: number) => boolean,
  ): (number | undefined)[] => {
    const picker = createPicker(plan);
    return clients.map(({ bytes }) => picker.pick({ client: bytes, usable }));
  };

  it('is the first place in the table while everybody is up', () => {
    const plan = compile('ip_hash', pool([1, 1, 1, 1]), 0);
    const picked = pickAll(plan, everyone);
    clients.forEach(({ text }, at) => {
      assert.equal(picked[at], plan.table[hashAddress(text, 0) % plan.table.length]);
    });
  });

  it('moves the clients of a dead backend only, and spreads them', () => {
    const before = pickAll(compile('ip_hash', pool([1, 1, 1, 1, 1]), 0), everyone);
    const after = pickAll(compile('ip_hash', pool([1, 1, 1, 1, 1], [2]), 0), everyone);
    const heirs = new Set<number | undefined>();
    before.forEach((backend, at) => {
      if (backend === 2) heirs.add(after[at]);
      else assert.equal(after[at], backend);
    });
    assert.deepEqual([...heirs].sort(), [0, 1, 3, 4]);
  });

  it('treats a full backend as a dead one', () => {
    const full = pickAll(compile('ip_hash', pool([1, 1, 1]), 0), (index) => index !== 1);
    const dead = pickAll(compile('ip_hash', pool([1, 1, 1], [1]), 0), everyone);
    assert.deepEqual(full, dead);
  });

  it('finds the one of fifty that is left for every client', () => {
    const dead = Array.from({ length: 50 }, (_, at) => at).filter((at) => at !== 25);
    const picked = pickAll(compile('ip_hash', pool(new Array<number>(50).fill(1), dead), 0), everyone);
    assert.deepEqual([...new Set(picked)], [25]);
  });

  it('respects weights over many clients', () => {
    const picked = pickAll(compile('ip_hash', pool([1, 3]), 0), everyone);
    const heavy = picked.filter((backend) => backend === 1).length / picked.length;
    assert.ok(Math.abs(heavy - 0.75) < 0.03, `${heavy} instead of 0.75`);
  });
});
