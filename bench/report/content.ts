// What a report is made of: every figure that was measured, the ones that the chart shows, and the reasons for which
// none of them should be quoted. Pure.

import { plural } from '../lib/format.ts';
import type { Results } from '../lib/results.ts';
import { summariseFigure, type FigureSummary } from '../summary.ts';
import { workloads, type Workload } from '../workloads.ts';

/** In the order of the table of workloads. */
export function measuredWorkloads(results: Results): Workload[] {
  const ids = new Set(results.trials.map((trial) => trial.workload));
  return workloads.filter((workload) => ids.has(workload.id));
}

export function summarise(results: Results): FigureSummary[] {
  return measuredWorkloads(results).flatMap((workload) =>
    workload.figures.map((figure) => summariseFigure(results, workload, figure)),
  );
}

/** Everything that makes these figures unfit to be quoted; empty when nothing does. */
export function reservations(results: Results, publishedRounds: number): string[] {
  return [
    ...(results.quick ? ['a short run: fewer subjects, short windows'] : []),
    ...(results.rounds < publishedRounds
      ? [`${plural(results.rounds, 'round')}, fewer than ${publishedRounds}`]
      : []),
    ...(results.strangersTolerated
      ? ['others used the machine meanwhile, and rounds were counted all the same']
      : []),
    ...(results.environment.dirty ? ['the code differs from the commit that is named'] : []),
    ...(results.environment.commit === 'unknown' ? ['the commit is not known'] : []),
  ];
}

/** What belongs in the chart: the figures with goals, or the first of each workload. */
export function chartFigures(summaries: readonly FigureSummary[]): FigureSummary[] {
  return summaries.filter(
    (summary) =>
      summary.figure.better === 'lower' &&
      summary.workload.letter !== 'H' &&
      (summary.comparisons.some((c) => c.goal !== undefined) ||
        summary.workload.figures[0] === summary.figure),
  );
}
