// What a consistent table promises, measured: shares, disruption, and independence of the order in the file.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAGLEV_SIZE, type MaglevEntry, maglevTable } from '#src/balance/maglev.js';

function entries(count: number, weight: (at: number) => number = () => 1): MaglevEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `10.0.${Math.floor(at / 250)}.${at % 250}:8080`,
    weight: weight(at),
    value: at,
  }));
}

function shares(table: Uint16Array, count: number): number[] {
  const found = new Array<number>(count).fill(0);
  for (const value of table) found[value] = (found[value] ?? 0) + 1;
  return found.map((n) => n / table.length);
}

describe('maglevTable', () => {
  it('is empty for nobody', () => {
    assert.equal(maglevTable([]).length, 0);
  });

  it('gives equals equal shares, to one place', () => {
    for (const count of [1, 2, 7, 100, 1000]) {
      const found = shares(maglevTable(entries(count)), count).map((share) =>
        Math.round(share * MAGLEV_SIZE),
      );
      assert.ok(
        Math.max(...found) - Math.min(...found) <= 1,
        `${count} backends: ${found.slice(0, 9).join(' ')}`,
      );
    }
  });

  it('gives weights their share within a hundredth of it', () => {
    const weights = [1, 2, 3, 10, 84];
    const found = shares(maglevTable(entries(5, (at) => weights[at] ?? 1)), 5);
    weights.forEach((weight, at) => {
      const wanted = weight / 100;
      assert.ok(
        Math.abs((found[at] ?? 0) - wanted) <= wanted / 100,
        `${at}: ${found[at]} instead of ${wanted}`,
      );
    });
  });

  it('does not depend on the order', () => {
    const all = entries(50, (at) => 1 + (at % 4));
    const one = maglevTable(all);
    const other = maglevTable([...all].reverse());
    const turned = maglevTable([...all.slice(20), ...all.slice(0, 20)]);
    assert.deepEqual(other, one);
    assert.deepEqual(turned, one);
  });

  for (const count of [5, 10, 50]) {
    it(`moves little beside the places of one removed of ${count}`, () => {
      const all = entries(count);
      const before = maglevTable(all);
      const gone = Math.floor(count / 2);
      const after = maglevTable(all.filter((entry) => entry.value !== gone));
      let moved = 0;
      before.forEach((value, at) => {
        if (value !== gone && after[at] !== value) moved += 1;
      });
      assert.ok(!after.includes(gone));
      assert.ok(
        moved / MAGLEV_SIZE < 0.02,
        `${((moved / MAGLEV_SIZE) * 100).toFixed(2)} % moved without need`,
      );
    });
  }

  it('moves little beside the places that one more takes', () => {
    const all = entries(20);
    const before = maglevTable(all);
    const after = maglevTable([...all, { key: '10.9.9.9:8080', weight: 1, value: 20 }]);
    let moved = 0;
    after.forEach((value, at) => {
      if (value !== 20 && before[at] !== value) moved += 1;
    });
    assert.ok(moved / MAGLEV_SIZE < 0.02, `${((moved / MAGLEV_SIZE) * 100).toFixed(2)} % moved without need`);
  });

  it('is the same table from one version to the next', () => {
    // A changed table sends every client elsewhere during a rolling update: this must be a decision, not an accident.
    const table = maglevTable(entries(5, (at) => at + 1));
    let digest = 0;
    for (const value of table) digest = (Math.imul(digest, 31) + value) >>> 0;
    assert.equal(digest, 1_816_789_015);
  });
});
