// When a trial is void and when a round is dropped.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { load, skip } from './compiled.ts';
import { fakeTrial } from './fake-results.ts';

interface Workload {
  readonly id: string;
}
interface Verdict {
  readonly voids: readonly string[];
  readonly disturbances: readonly string[];
}

const { judge } = await load<{
  judge(workload: Workload, measured: object, tolerateStrangers: boolean): Verdict;
}>('rules.js');
const { chooseWorkloads, workloads } = await load<{
  workloads: readonly Workload[];
  chooseWorkloads(text: string): Workload[];
}>('workloads.js');

function verdict(id: string, fields: object, tolerate = false): Verdict {
  const workload = workloads.find((w) => w.id === id);
  assert.ok(workload !== undefined);
  const trial = fakeTrial({ round: 1, workload: id, subject: 'ours', cost: 10, fields }) as {
    measured: object;
  };
  return judge(workload, trial.measured, tolerate);
}

describe('a trial', { skip }, () => {
  it('counts when nothing is wrong', () => {
    assert.deepEqual(verdict('B.64', {}), { voids: [], disturbances: [] });
  });

  it('is void after any error, without work, or when descriptors stay', () => {
    assert.deepEqual(verdict('B.64', { errors: { wrong_answer: 2 } }).voids, ['wrong_answer 2 times']);
    assert.equal(verdict('B.64', { units: 0 }).voids.length, 1);
    assert.equal(verdict('B.64', { descriptors_after: 5000 }).voids.length, 1);
    // A few pipes for later are no leak.
    assert.equal(verdict('B.64', { descriptors_after: 40 }).voids.length, 0);
  });

  it('is void when the offered bulk did not arrive', () => {
    const bulk = { bulk: { offered_bytes_per_second: 1000 } };
    assert.equal(verdict('E', { ...bulk, bulk_bytes: 900 }).voids.length, 1);
    assert.equal(verdict('E', { ...bulk, bulk_bytes: 990 }).voids.length, 0);
    assert.equal(verdict('A.paced', { offered_bytes_per_second: 2000 }).voids.length, 1);
    assert.equal(verdict('A.paced', { offered_bytes_per_second: 1000 }).voids.length, 0);
    assert.equal(verdict('A.one-way', { offered_bytes_per_second: 0 }).voids.length, 0);
  });

  it('is void when requests were not made at their rate', () => {
    const latency = { count: 2000, mean: 1, p50: 1e5, p90: 1e5, p99: 1e5, p999: 1e5, max: 1e5 };
    const lag = { ...latency, p99: 1e3 };
    assert.equal(verdict('F', { latency, lag, offered_per_second: 4000 }).voids.length, 1);
    assert.equal(
      verdict('F', { latency: { ...latency, count: 3999 }, lag, offered_per_second: 4000 }).voids.length,
      0,
    );
  });
});

describe('a round', { skip }, () => {
  it('is dropped when the hypervisor took time', () => {
    assert.equal(verdict('B.64', { steal_ns: 0.02 * 2e9 }).disturbances.length, 1);
    assert.equal(verdict('B.64', { steal_ns: 0.002 * 2e9 }).disturbances.length, 0);
  });

  it('is dropped when strangers had a share of the machine, unless that is tolerated', () => {
    const fields = { tasks_ns: 1e9, proxy_ns: 3e8, own_ns: 3e8 };
    assert.equal(verdict('B.64', fields).disturbances.length, 1);
    assert.equal(verdict('B.64', fields, true).disturbances.length, 0);
    // What nobody had is the kernel's, between two tasks.
    assert.equal(verdict('B.1', { ...fields, machine_ns: 1e9, tasks_ns: 6e8 }).disturbances.length, 0);
    assert.equal(verdict('B.64', { forks: 200 }).disturbances.length, 1);
    assert.equal(verdict('B.64', { forks: 200 }, true).disturbances.length, 0);
  });

  it('is dropped when the generator was late', () => {
    const latency = { count: 4000, mean: 1, p50: 1e5, p90: 1e5, p99: 1e5, p999: 1e5, max: 1e5 };
    const late = verdict('F', { latency, lag: { ...latency, p99: 2e5 }, offered_per_second: 4000 });
    assert.equal(late.disturbances.length, 1);
    // A wake-up takes a while; that is in direct as well.
    const usual = verdict('F', { latency, lag: { ...latency, p99: 9e4 }, offered_per_second: 4000 });
    assert.equal(usual.disturbances.length, 0);
  });
});

describe('workloads', { skip }, () => {
  it('are chosen by letter or by name', () => {
    assert.deepEqual(
      chooseWorkloads('b.64, D').map((w) => w.id),
      ['B.64', 'D.silent', 'D.used'],
    );
    assert.throws(() => chooseWorkloads('Z'), RangeError);
  });
});
