// Plans of arbitrary pools: shares exact, nobody picked who may not be, and the same tables in every order.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PlanBackend, type Policy, compile, membership } from '#src/balance/compile.js';
import { createPicker } from '#src/balance/pick.js';
import { MAX_CYCLE, smoothSequence } from '#src/balance/sequence.js';

const policies: readonly Policy[] = [
  'round_robin',
  'weighted_round_robin',
  'least_connections',
  'ip_hash',
  'least_response_time',
  'random',
  'power_of_two',
];

const anyPool = fc.uniqueArray(
  fc.record({
    key: fc.integer({ min: 0, max: 9999 }).map((n) => `10.0.0.1:${n}`),
    weight: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 65_535 })),
    backup: fc.boolean(),
    up: fc.boolean(),
  }),
  { selector: (backend: PlanBackend) => backend.key, maxLength: 12 },
);

describe('a smooth sequence', () => {
  it('gives everybody the exact share of a cycle, and at no moment a turn more or less than is due', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const sequence = smoothSequence(weights);
        const cycles = total / sequence.length;
        assert.ok(Number.isInteger(cycles));
        const found = weights.map(() => 0);
        sequence.forEach((at, turn) => {
          found[at] = (found[at] ?? 0) + 1;
          const due = ((turn + 1) * (weights[at] ?? 0)) / total;
          assert.ok((found[at] ?? 0) < due + 1, `turn ${turn}: ${found[at]} turns for ${at}, ${due} due`);
        });
        assert.deepEqual(
          found.map((n) => n * cycles),
          weights,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is never too long and leaves nobody out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 60 }),
        (weights) => {
          const sequence = smoothSequence(weights);
          assert.ok(sequence.length <= MAX_CYCLE);
          assert.equal(new Set(sequence).size, weights.length);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('a plan', () => {
  it('picks members only, and a member whenever one is usable', () => {
    fc.assert(
      fc.property(
        anyPool,
        fc.constantFrom(...policies),
        fc.integer({ min: 0, max: 100 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        (backends, policy, panicThreshold, client, free) => {
          const plan = compile(policy, backends, panicThreshold);
          assert.deepEqual(plan.members, membership(backends, panicThreshold).members);
          const picker = createPicker(plan);
          const usable = (index: number): boolean => free[index] ?? false;
          const picked = picker.pick({ client, usable });
          if (plan.members.some(usable)) {
            assert.ok(picked !== undefined && plan.members.includes(picked) && usable(picked));
          } else {
            assert.equal(picked, undefined);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('names nobody in its members who has no weight or who is down without panic', () => {
    fc.assert(
      fc.property(anyPool, (backends) => {
        for (const index of membership(backends, 0).members) {
          const backend = backends[index];
          assert.ok(backend !== undefined && backend.up && backend.weight > 0);
        }
      }),
    );
  });

  it('for ip_hash does not depend on the order in the file', () => {
    fc.assert(
      fc.property(anyPool, fc.nat(), (backends, turn) => {
        const at = backends.length === 0 ? 0 : turn % backends.length;
        const turned = [...backends.slice(at), ...backends.slice(0, at)].reverse();
        const keys = (list: readonly PlanBackend[]): string[] =>
          Array.from(compile('ip_hash', list, 0).table, (index) => list[index]?.key ?? '');
        assert.deepEqual(keys(turned), keys(backends));
      }),
      { numRuns: 10 },
    );
  });
});
