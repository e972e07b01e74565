// From trials to verdicts: ratios within a round, what does not count, who is best of a family, and never a rank inside
// the noise.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { load, skip } from './compiled.ts';
import { fakeResults, rounds, type FakeTrial } from './fake-results.ts';

interface Figure {
  readonly id: string;
}
interface Workload {
  readonly id: string;
  readonly figures: readonly Figure[];
}
interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}
interface Comparison {
  readonly peer: string;
  readonly subject: string;
  readonly ratio: Spread;
  readonly tie: boolean;
  readonly goal: number | undefined;
  readonly judgement: string;
}
interface FigureSummary {
  readonly standings: readonly { readonly subject: string; readonly spread: Spread }[];
  readonly comparisons: readonly Comparison[];
  readonly noise: Spread | undefined;
}

const { workloads } = await load<{ workloads: readonly Workload[] }>('workloads.js');
const { dropped, efficiency, failures, judgeGoal, mainThreadShare, summariseFigure } = await load<{
  mainThreadShare(results: object, workload: Workload, subject: string): number | undefined;
  summariseFigure(results: object, workload: Workload, figure: Figure): FigureSummary;
  failures(trials: readonly object[], workload: string): Map<string, string>;
  efficiency(results: object, workload: Workload, subject: string): number | undefined;
  dropped(trials: readonly object[]): readonly { readonly why: string }[];
  judgeGoal(ratio: Spread, goal: number | undefined): string;
}>('summary.js');

function workload(id: string): Workload {
  const found = workloads.find((w) => w.id === id);
  assert.ok(found !== undefined);
  return found;
}

function summarise(trials: readonly FakeTrial[], id = 'B.64', figure = 0): FigureSummary {
  const which = workload(id);
  const chosen = which.figures[figure];
  assert.ok(chosen !== undefined);
  return summariseFigure(fakeResults(trials), which, chosen);
}

function against(summary: FigureSummary, peer: string): Comparison {
  const found = summary.comparisons.find((c) => c.peer === peer);
  assert.ok(found !== undefined, `nothing against ${peer}`);
  return found;
}

describe('a ratio', { skip }, () => {
  it('is taken within the round, so that a slow round does not matter', () => {
    const comparison = against(
      summarise(rounds(10, 'B.64', { ours: 50, control: 50, 'haproxy-default': 100 })),
      'haproxy-default',
    );
    assert.ok(Math.abs(comparison.ratio.median - 0.5) < 0.02);
    // Rounds differ threefold; the ratio hardly does.
    assert.ok(comparison.ratio.high - comparison.ratio.low < 0.05);
    assert.equal(comparison.ratio.count, 10);
    assert.equal(comparison.tie, false);
    assert.equal(comparison.judgement, 'reached');
  });

  it('leaves a disturbed round out, for all subjects', () => {
    const trials = rounds(6, 'B.64', { ours: 50, 'haproxy-default': 100 });
    const disturbed = trials.map((trial) =>
      trial.round === 2 && trial.subject === 'haproxy-default'
        ? { ...trial, cost: 1, disturbances: ['steal 3.0 %'] }
        : trial,
    );
    const summary = summarise(disturbed);
    assert.equal(against(summary, 'haproxy-default').ratio.count, 5);
    assert.ok(summary.standings.every((standing) => standing.spread.count === 5));
    assert.equal(dropped((fakeResults(disturbed) as { trials: object[] }).trials).length, 1);
  });

  it('takes the repetition of a disturbed round in its place', () => {
    const once = rounds(5, 'B.64', { ours: 50, 'haproxy-default': 100 });
    const bad = once
      .filter((trial) => trial.round === 3)
      .map((trial) => ({ ...trial, cost: 7, disturbances: ['strangers'] }));
    const good = once.filter((trial) => trial.round === 3);
    const rest = once.filter((trial) => trial.round !== 3);
    const comparison = against(summarise([...rest, ...bad, ...good]), 'haproxy-default');
    assert.equal(comparison.ratio.count, 5);
    assert.ok(comparison.ratio.low > 0.4);
  });

  it('is not there for a subject that failed in more than a fifth of its rounds', () => {
    const trials = rounds(10, 'B.64', { ours: 50, net: 200 }).map((trial) =>
      trial.subject === 'net' && trial.round <= 3 ? { ...trial, voids: ['wrong_answer 1 times'] } : trial,
    );
    const summary = summarise(trials);
    assert.equal(
      summary.comparisons.some((c) => c.peer === 'net'),
      false,
    );
    const found = failures((fakeResults(trials) as { trials: object[] }).trials, 'B.64');
    assert.match(found.get('net') ?? '', /wrong_answer/);
  });

  it('leaves single void trials out and keeps the rest', () => {
    const trials = rounds(10, 'B.64', { ours: 50, net: 200 }).map((trial) =>
      trial.subject === 'net' && trial.round === 1
        ? { ...trial, cost: 1, voids: ['not_ended 1 times'] }
        : trial,
    );
    assert.equal(against(summarise(trials), 'net').ratio.count, 9);
  });
});

describe('the peer', { skip }, () => {
  it('is the best variant of its family', () => {
    const summary = summarise(
      rounds(10, 'C', { ours: 60, 'haproxy-tuned/plain': 100, 'haproxy-tuned/smart': 80 }),
      'C',
    );
    const comparison = against(summary, 'haproxy-tuned');
    assert.equal(comparison.subject, 'haproxy-tuned/smart');
    assert.ok(Math.abs(comparison.ratio.median - 0.75) < 0.03);
  });

  it('is the fastest where higher is better', () => {
    const which = workload('B.64');
    const rate = which.figures.findIndex((figure) => figure.id === 'rate');
    const trials = rounds(5, 'B.64', { ours: 1, 'haproxy-tuned/plain': 1, 'haproxy-tuned/smart': 1 }).map(
      (trial) => ({
        ...trial,
        fields: { units: trial.subject === 'haproxy-tuned/plain' ? 3000 : 2000 },
      }),
    );
    assert.equal(against(summarise(trials, 'B.64', rate), 'haproxy-tuned').subject, 'haproxy-tuned/plain');
  });
});

describe('a tie', { skip }, () => {
  it('is called when 1 lies in the interval', () => {
    const comparison = against(summarise(rounds(10, 'B.64', { ours: 100, net: 100 })), 'net');
    assert.equal(comparison.tie, true);
  });

  it('is called when the whole interval lies in the noise', () => {
    // Ours against itself is off by a tenth either way, from round to round.
    const trials = rounds(10, 'B.64', { ours: 100, net: 105 });
    const control = Array.from({ length: 10 }, (_, n) => ({
      round: n + 1,
      workload: 'B.64',
      subject: 'control',
      cost: 100 * (1 + ((n + 1) % 3)) * (n % 2 === 0 ? 0.8 : 1.2),
    }));
    const summary = summarise([...trials, ...control]);
    assert.ok(summary.noise !== undefined && summary.noise.low < 0.85 && summary.noise.high > 1.15);
    const comparison = against(summary, 'net');
    assert.ok(comparison.ratio.high < 1);
    assert.equal(comparison.tie, true);
  });
});

describe('a goal', { skip }, () => {
  const spread = (low: number, median: number, high: number, count = 10): Spread => ({
    low,
    median,
    high,
    count,
  });

  it('is reached or missed by the whole interval, and open otherwise', () => {
    assert.equal(judgeGoal(spread(0.7, 0.75, 0.8), 0.8), 'reached');
    assert.equal(judgeGoal(spread(0.81, 0.85, 0.9), 0.8), 'missed');
    assert.equal(judgeGoal(spread(0.7, 0.75, 0.81), 0.8), 'open');
    assert.equal(judgeGoal(spread(0.1, 0.1, 0.1), undefined), 'no-goal');
  });

  it('is never decided by two rounds', () => {
    assert.equal(judgeGoal(spread(0.1, 0.1, 0.1, 2), 0.8), 'open');
  });
});

describe('what a proxy adds', { skip }, () => {
  const quantiles = (p50: number) => ({
    latency: { count: 1000, mean: p50, p50, p90: p50, p99: 2 * p50, p999: 3 * p50, max: 4 * p50 },
  });

  it('is its latency less that of direct in the same round', () => {
    const trials = Array.from({ length: 5 }, (_, n) => n + 1).flatMap((round) =>
      Object.entries({ direct: 40_000, ours: 100_000, 'haproxy-default': 120_000 }).map(([subject, p50]) => ({
        round,
        workload: 'F',
        subject,
        cost: 1,
        fields: quantiles(p50 + 1000 * round),
      })),
    );
    const summary = summarise(trials, 'F');
    const ours = summary.standings.find((standing) => standing.subject === 'ours');
    assert.equal(ours?.spread.median, 60);
    assert.equal(against(summary, 'haproxy-default').ratio.median, 0.75);
  });

  it('is not there without direct', () => {
    const trials = [1, 2, 3].map((round) => ({
      round,
      workload: 'F',
      subject: 'ours',
      cost: 1,
      fields: quantiles(100_000),
    }));
    assert.deepEqual(summarise(trials, 'F').standings, []);
  });
});

describe('the main thread', { skip }, () => {
  it('is told apart from those that relay', () => {
    const threads = [
      { pid: 7, tid: 7, name: 'node', ns: 1000 },
      { pid: 7, tid: 8, name: 'ub-worker-0', ns: 98_000 },
      { pid: 7, tid: 9, name: 'node', ns: 1000 },
    ];
    const trials = rounds(3, 'B.64', { ours: 100 }).map((trial) => ({
      ...trial,
      fields: { threads, proxy_ns: 100_000 },
    }));
    assert.equal(mainThreadShare(fakeResults(trials), workload('B.64'), 'ours'), 0.01);
    assert.equal(mainThreadShare(fakeResults(trials), workload('B.64'), 'net'), undefined);
  });
});

describe('efficiency', { skip }, () => {
  it('is twice direct over the whole, in machine time', () => {
    // The machine works 100 per unit beside the proxy.
    const trials = rounds(3, 'B.64', { ours: 100 }).map((trial) => ({ ...trial, cost: 100 }));
    const direct = trials.map((trial) => ({ ...trial, subject: 'direct', cost: 0 }));
    assert.equal(efficiency(fakeResults([...trials, ...direct]), workload('B.64'), 'ours'), 1);
  });
});
