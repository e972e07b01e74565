// From raw trials to what a report says: per workload and figure, each subject's middle value, and ours divided by each
// peer within the same round, with an interval, the goal, and a verdict that never ranks inside the noise. Pure.

import { goalFor } from './goals.ts';
import { createRandom } from './lib/random.ts';
import type { Results, TrialRecord } from './lib/results.ts';
import { median, medianInterval, middleHalf, type Spread } from './lib/stats.ts';
import type { Figure, Workload } from './workloads.ts';

/** One subject's values of one figure, by round. */
type ByRound = ReadonlyMap<number, number>;

export interface Standing {
  readonly subject: string;
  readonly family: string;
  readonly spread: Spread;
}

/** `reached`, `missed`: the whole interval is on that side of the goal; `open`: the goal lies inside it. */
export type Judgement = 'reached' | 'missed' | 'open' | 'no-goal';

export interface Comparison {
  readonly peer: string;
  /** The variant that was best of its family. */
  readonly subject: string;
  /** Ours divided by the peer. */
  readonly ratio: Spread;
  /** Neither is better: 1 lies inside the interval, or the interval inside the noise. */
  readonly tie: boolean;
  readonly goal: number | undefined;
  readonly judgement: Judgement;
}

export interface FigureSummary {
  readonly workload: Workload;
  readonly figure: Figure;
  readonly standings: readonly Standing[];
  readonly comparisons: readonly Comparison[];
  /** Ours divided by itself: what a ratio of 1 looks like here. */
  readonly noise: Spread | undefined;
}

export const PEERS: readonly string[] = [
  'haproxy-default',
  'haproxy-tuned',
  'nginx-default',
  'nginx-tuned',
  'net',
  'quickack',
  'io-uring',
];

/** A subject that failed in more than this share of its rounds has no score. */
const MOST_VOID = 0.2;

/** Rounds of a workload that nobody disturbed: of each round, the last try. */
export function countedTrials(trials: readonly TrialRecord[], workload: string): TrialRecord[] {
  const own = trials.filter((trial) => trial.workload === workload);
  const tries = new Map<number, Map<string, TrialRecord>>();
  for (const trial of own) {
    const round = tries.get(trial.round) ?? new Map<string, TrialRecord>();
    round.set(trial.subject, trial); // a later try of the same round takes the place
    tries.set(trial.round, round);
  }
  return [...tries.values()]
    .map((round) => [...round.values()])
    .filter((round) => round.every((trial) => trial.disturbances.length === 0))
    .flat();
}

/** Subjects that did their work wrong too often, and how. */
export function failures(trials: readonly TrialRecord[], workload: string): Map<string, string> {
  const found = new Map<string, string>();
  const own = countedTrials(trials, workload);
  for (const subject of new Set(own.map((trial) => trial.subject))) {
    const rounds = own.filter((trial) => trial.subject === subject);
    const bad = rounds.filter((trial) => trial.voids.length > 0);
    if (bad.length > MOST_VOID * rounds.length) found.set(subject, bad[0]?.voids.join('; ') ?? '');
  }
  return found;
}

function valuesOf(
  trials: readonly TrialRecord[],
  subject: string,
  figure: Figure,
  directs: ByRound,
): ByRound {
  const values = new Map<number, number>();
  for (const trial of trials) {
    if (trial.subject !== subject || trial.voids.length > 0 || trial.measured === undefined) continue;
    const value = figure.read(trial.measured);
    const base = figure.relative === 'added' && subject !== 'direct' ? directs.get(trial.round) : 0;
    if (value !== undefined && base !== undefined) values.set(trial.round, value - base);
  }
  return values;
}

function ratios(ours: ByRound, theirs: ByRound): number[] {
  return [...ours].flatMap(([round, value]) => {
    const other = theirs.get(round);
    // A difference of two noisy values may be nought or less: such a round says nothing about a ratio.
    return other === undefined || other <= 0 || value <= 0 ? [] : [value / other];
  });
}

/** Fewer rounds decide nothing. */
const LEAST_ROUNDS = 3;

export function judgeGoal(ratio: Spread, goal: number | undefined): Judgement {
  if (goal === undefined) return 'no-goal';
  if (ratio.count < LEAST_ROUNDS) return 'open';
  if (ratio.high <= goal) return 'reached';
  return ratio.low > goal ? 'missed' : 'open';
}

export function summariseFigure(results: Results, workload: Workload, figure: Figure): FigureSummary {
  const random = createRandom(results.seed);
  const trials = countedTrials(results.trials, workload.id);
  const failed = failures(results.trials, workload.id);
  const directs = valuesOf(trials, 'direct', figure, new Map());
  const families = new Map(results.subjects.map((subject) => [subject.id, subject.family]));
  const values = new Map<string, ByRound>();
  for (const { id } of results.subjects) {
    const own = failed.has(id) ? new Map<number, number>() : valuesOf(trials, id, figure, directs);
    if (own.size > 0) values.set(id, own);
  }
  const standings = [...values].map(([subject, byRound]) => ({
    subject,
    family: families.get(subject) ?? subject,
    spread: middleHalf([...byRound.values()]),
  }));

  const better = (a: Standing, b: Standing): number =>
    (figure.better === 'lower' ? 1 : -1) * (a.spread.median - b.spread.median);
  const ours = values.get('ours');
  const control = values.get('control');
  const noise =
    ours !== undefined && control !== undefined ? medianInterval(ratios(control, ours), random) : undefined;
  const comparisons = PEERS.flatMap((peer): Comparison[] => {
    const best = standings.filter((standing) => standing.family === peer).sort(better)[0];
    const theirs = best === undefined ? undefined : values.get(best.subject);
    if (best === undefined || theirs === undefined || ours === undefined) return [];
    const all = ratios(ours, theirs);
    if (all.length === 0) return [];
    const ratio = medianInterval(all, random);
    const inNoise = noise !== undefined && ratio.low >= noise.low && ratio.high <= noise.high;
    const goal = goalFor(workload.id, figure.id, peer);
    return [
      {
        peer,
        subject: best.subject,
        ratio,
        tie: (ratio.low <= 1 && ratio.high >= 1) || inNoise,
        goal,
        judgement: judgeGoal(ratio, goal),
      },
    ];
  });
  return { workload, figure, standings, comparisons, noise };
}

/** Work of the whole machine that a proxy at no cost would still cause, divided by what this one causes. */
export function efficiency(results: Results, workload: Workload, subject: string): number | undefined {
  const machine = workload.figures.find((figure) => figure.id === 'machine');
  if (machine === undefined) return undefined;
  const trials = countedTrials(results.trials, workload.id);
  const direct = valuesOf(trials, 'direct', machine, new Map());
  const own = valuesOf(trials, subject, machine, new Map());
  const shares = [...own].flatMap(([round, value]) => {
    const base = direct.get(round);
    return base === undefined || value <= 0 ? [] : [(2 * base) / value];
  });
  return shares.length === 0 ? undefined : median(shares);
}

/** Share of a subject's CPU time that its processes' first threads took: in ours, the one that runs JavaScript. */
export function mainThreadShare(results: Results, workload: Workload, subject: string): number | undefined {
  const shares = countedTrials(results.trials, workload.id).flatMap((trial) => {
    const { threads = [], proxy_ns: all = 0 } = trial.measured ?? {};
    if (trial.subject !== subject || trial.voids.length > 0 || all === 0) return [];
    const main = threads.filter((thread) => thread.tid === thread.pid);
    return [main.reduce((sum, thread) => sum + thread.ns, 0) / all];
  });
  return shares.length === 0 ? undefined : median(shares);
}

export interface Dropped {
  readonly workload: string;
  readonly round: number;
  readonly subject: string;
  readonly why: string;
}

/** Everything that did not count, in the order in which it happened. */
export function dropped(trials: readonly TrialRecord[]): Dropped[] {
  return trials.flatMap((trial) => {
    const why = [...trial.voids.map((reason) => `void: ${reason}`), ...trial.disturbances];
    return why.length === 0
      ? []
      : [{ workload: trial.workload, round: trial.round, subject: trial.subject, why: why.join('; ') }];
  });
}
