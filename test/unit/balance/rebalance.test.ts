// Whose sessions are ended for a backend that has joined: never more than the rate, only from those above their share,
// and it comes to an end whatever clients do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Memory, noteMembers, type PoolLoad, rebalance, type Step } from '#src/balance/rebalance.js';

const SETTINGS = { rate: 10, tolerance: 10 };

function load(sessions: readonly number[], some: Partial<PoolLoad> = {}): PoolLoad {
  const members = sessions.map((each, at) => ({ slot: at + 1, weight: 1, sessions: each }));
  return { members, panic: false, opened: 0, rebalanced: 0, ...some };
}

function first(members: PoolLoad): Memory {
  return rebalance(undefined, members, SETTINGS, 1).memory;
}

test('nothing is done at the first look, nor while nobody joins', () => {
  const lopsided = load([100, 0]);
  const step = rebalance(undefined, lopsided, SETTINGS, 1);
  assert.deepEqual([step.ends, step.began], [[], false]);
  assert.deepEqual(rebalance(step.memory, lopsided, SETTINGS, 1).ends, []);
});

test('a backend that joins, and one that gets more weight, begins an episode', () => {
  const joined = rebalance(first(load([100])), load([100, 0]), SETTINGS, 1);
  assert.deepEqual([joined.began, joined.ends], [true, [{ slot: 1, count: 10 }]]);
  const weighty = load([50, 50]);
  const heavier = {
    ...weighty,
    members: weighty.members.map((each) => (each.slot === 2 ? { ...each, weight: 3 } : each)),
  };
  assert.deepEqual(rebalance(first(weighty), heavier, SETTINGS, 1).ends, [{ slot: 1, count: 10 }]);
});

test('a backend that was away between two looks has come back', () => {
  const away = noteMembers(first(load([50, 50])), load([50]));
  const back = rebalance(away, load([80, 20]), SETTINGS, 1);
  assert.deepEqual([back.began, back.ends], [true, [{ slot: 1, count: 10 }]]);
  const panicked = noteMembers(first(load([50, 50])), load([50], { panic: true }));
  assert.equal(rebalance(panicked, load([80, 20]), SETTINGS, 1).began, false);
});

test('those who have more too many are ended more of, and nobody below the share', () => {
  const { ends } = rebalance(first(load([90, 60, 30])), load([90, 60, 30, 0]), SETTINGS, 1);
  assert.deepEqual(ends, [
    { slot: 1, count: 8 },
    { slot: 2, count: 2 },
  ]);
});

test('panic, and fewer than two in rotation, end it', () => {
  const began = rebalance(first(load([100])), load([100, 0]), SETTINGS, 1).memory;
  assert.equal(rebalance(began, load([100, 0], { panic: true }), SETTINGS, 1).over, 'left');
  assert.equal(rebalance(began, load([100]), SETTINGS, 1).over, 'left');
  // What panic brings in has not joined.
  const panicked = rebalance(first(load([100])), load([100, 0, 0], { panic: true }), SETTINGS, 1);
  assert.deepEqual([panicked.began, panicked.ends], [false, []]);
});

test('clients that do not come back are not followed by more than three seconds of others', () => {
  let memory = first(load([1000]));
  let sessions = 1000;
  for (let look = 0; look < 1000; look += 1) {
    const step: Step = rebalance(memory, load([sessions, 0], { rebalanced: 1000 - sessions }), SETTINGS, 1);
    memory = step.memory;
    sessions -= step.ends.reduce((all, { count }) => all + count, 0);
  }
  assert.equal(sessions, 1000 - 30);
  assert.equal(memory.episode, undefined);
});

test('nobody idle for five minutes, and it gives up', () => {
  let step = rebalance(first(load([100])), load([100, 0]), SETTINGS, 1);
  let looks = 0;
  while (step.over === undefined && looks < 1000) {
    step = rebalance(step.memory, load([100, 0]), SETTINGS, 1);
    looks += 1;
  }
  assert.deepEqual([step.over, looks], ['stuck', 301]);
});

/** Clients come back after a while, to the least loaded one or to one by weight. */
const world = fc.record({
  weights: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
  each: fc.integer({ min: 0, max: 500 }),
  rate: fc.integer({ min: 1, max: 50 }),
  tolerance: fc.integer({ min: 5, max: 50 }),
  least: fc.boolean(),
  away: fc.integer({ min: 0, max: 5 }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});

test('it never exceeds the rate, comes to an end, does not oscillate, and loads agree where a policy lets them', () => {
  fc.assert(
    fc.property(world, ({ weights, each, rate, tolerance, least, away, seed }) => {
      let state = seed;
      const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
      const members = weights.map((weight, at) => ({
        slot: at + 1,
        weight,
        sessions: at === weights.length - 1 ? 0 : each * weight,
      }));
      const total = weights.reduce((all, weight) => all + weight, 0);
      const back: number[] = [];
      let [opened, rebalanced] = [0, 0];
      let memory = rebalance(
        undefined,
        { members: members.slice(0, -1), panic: false, opened, rebalanced },
        { rate, tolerance },
        1,
      ).memory;
      let last: Step | undefined;
      let began = false;
      for (let look = 0; look < 50_000 && (last === undefined || memory.episode !== undefined); look += 1) {
        const share = members.reduce((all, { sessions }) => all + sessions, 0) / total;
        const step = rebalance(
          memory,
          { members: members.map((one) => ({ ...one })), panic: false, opened, rebalanced },
          { rate, tolerance },
          1,
        );
        memory = step.memory;
        last = step;
        began ||= step.began;
        const count = step.ends.reduce((all, end) => all + end.count, 0);
        assert.ok(count <= rate, `${count} were ended within a second`);
        for (const end of step.ends) {
          const member = members.find(({ slot }) => slot === end.slot);
          assert.ok(
            member !== undefined && member.sessions - end.count >= Math.floor(share * member.weight) - 1,
          );
          member.sessions -= end.count;
        }
        rebalanced += count;
        back.push(count);
        for (let n = back.length > away ? (back.shift() ?? 0) : 0; n > 0; n -= 1) {
          let at = random() * total;
          const chosen = least
            ? members.reduce((a, b) => (b.sessions / b.weight < a.sessions / a.weight ? b : a))
            : members.find(({ weight }) => (at -= weight) <= 0);
          if (chosen !== undefined) chosen.sessions += 1;
          opened += 1;
        }
      }
      assert.equal(memory.episode, undefined, 'it goes on for ever');
      // With the same members and weights nothing begins again.
      const again = rebalance(memory, { members, panic: false, opened, rebalanced }, { rate, tolerance }, 1);
      assert.deepEqual(again.ends, []);
      if (least && began) assert.equal(last?.over, 'even');
    }),
    { numRuns: 200 },
  );
});
