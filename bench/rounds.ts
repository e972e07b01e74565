// All trials in their order: in each round every workload once, in each workload every subject once, both in random
// order from the seed. A disturbed round is run again, so often and no more. Knows no figure.

import type { Random } from './lib/random.ts';
import { seconds } from './lib/format.ts';
import type { TrialRecord } from './lib/results.ts';
import type { Subject } from './subjects/subject.ts';
import { runTrial, type Asked, type Bench } from './trial.ts';
import type { Workload } from './workloads.ts';

export interface Plan {
  readonly workloads: readonly Workload[];
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  readonly random: Random;
  readonly seed: number;
  /** Waits a while for others to leave the machine alone; resolves in any case. */
  readonly untilQuiet: () => Promise<void>;
  /** One line per trial. */
  readonly tell: (line: string) => void;
}

/** Who takes part in a workload. */
export function participants(workload: Workload, subjects: readonly Subject[]): Subject[] {
  return subjects.filter((subject) => {
    if (workload.only !== undefined) return workload.only.includes(subject.id);
    return subject.letters === undefined || subject.letters.includes(workload.letter);
  });
}

/** Repetitions of disturbed rounds, over all of a workload. */
export function spareRounds(rounds: number): number {
  return Math.ceil(rounds / 2);
}

/** Before any trial has told better: the starts and ends around a window. */
const OVERHEAD_S = 0.35;
const IDLE_TRIAL_S = 2.2;

interface Clock {
  done: number;
  spent: number;
}

function estimate(plan: Plan, bench: Bench, workload: Workload): number {
  const each =
    workload.loop === 'none' ? IDLE_TRIAL_S : bench.warmUpSeconds + bench.windowSeconds + OVERHEAD_S;
  return each * participants(workload, plan.subjects).length;
}

export function estimateSeconds(plan: Plan, bench: Bench): number {
  return plan.rounds * plan.workloads.reduce((sum, workload) => sum + estimate(plan, bench, workload), 0);
}

export async function runRounds(
  plan: Plan,
  bench: Bench,
  run: (bench: Bench, asked: Asked) => Promise<TrialRecord> = runTrial,
): Promise<TrialRecord[]> {
  const records: TrialRecord[] = [];
  const spare = new Map(plan.workloads.map((workload) => [workload.id, spareRounds(plan.rounds)]));
  const total = estimateSeconds(plan, bench);
  const clock: Clock = { done: 0, spent: 0 };
  let net = 0;

  /** Returns whether nobody disturbed it. */
  async function block(workload: Workload, round: number): Promise<boolean> {
    await plan.untilQuiet();
    const taking = plan.random.shuffled(participants(workload, plan.subjects));
    for (const subject of taking) {
      net = (net % 250) + 1;
      const asked: Asked = { workload, subject, round, net, seed: plan.seed + round };
      const from = performance.now();
      const record = await run(bench, asked);
      records.push(record);
      clock.spent += (performance.now() - from) / 1000;
      clock.done += estimate(plan, bench, workload) / taking.length;
      // Estimates are scaled by how they have fared so far.
      const left = (total - clock.done) * (clock.spent / clock.done);
      const problem = [...record.voids.map((why) => `void: ${why}`), ...record.disturbances].join('; ');
      plan.tell(
        `${`round ${round}/${plan.rounds}`.padEnd(12)} ${workload.id.padEnd(12)} ${subject.id.padEnd(22)} ` +
          `${headline(workload, record).padEnd(26)} left ${seconds(left)}${problem === '' ? '' : `  (${problem})`}`,
      );
      // The round is lost for everybody: no use in going on with it.
      if (record.disturbances.length > 0) return false;
    }
    return true;
  }

  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const workload of plan.random.shuffled(plan.workloads)) {
      const before = clock.done;
      while (!(await block(workload, round))) {
        const left = spare.get(workload.id) ?? 0;
        clock.done = left === 0 ? before + estimate(plan, bench, workload) : before;
        if (left === 0) break;
        spare.set(workload.id, left - 1);
        plan.tell(
          `round ${round} of ${workload.id} was disturbed: again (${left - 1} such repetitions left)`,
        );
      }
    }
  }
  return records;
}

function headline(workload: Workload, record: TrialRecord): string {
  const measured = record.measured;
  if (measured === undefined) return '–';
  // Direct has no proxy whose CPU time could be told.
  for (const figure of workload.figures) {
    const value = figure.read(measured);
    if (value !== undefined) return `${Number(value.toPrecision(4))} ${figure.unit}`;
  }
  return '–';
}
