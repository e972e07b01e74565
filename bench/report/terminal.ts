// The short form for a terminal: ratios and goals, or the plain values where ours was not there to compare.

import { figure as number, plural, ratio } from '../lib/format.ts';
import type { Results } from '../lib/results.ts';
import { dropped, type FigureSummary } from '../summary.ts';
import { summarise } from './content.ts';

function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, n) => (widths[n] = Math.max(widths[n] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function compared(summaries: readonly FigureSummary[]): string[][] {
  return summaries.flatMap((summary) =>
    summary.comparisons.map((c) => [
      summary.workload.id,
      summary.figure.name,
      c.subject,
      `${ratio(c.ratio.median)} (${ratio(c.ratio.low)}–${ratio(c.ratio.high)})`,
      c.goal === undefined ? '' : `goal ${ratio(c.goal)} ${c.judgement}`,
      c.tie ? 'tie' : '',
    ]),
  );
}

function plain(summaries: readonly FigureSummary[]): string[][] {
  return summaries.flatMap((summary) =>
    summary.standings.map(({ subject, spread }) => [
      summary.workload.id,
      summary.figure.name,
      subject,
      `${number(spread.median)} ${summary.figure.unit}`,
      `${number(spread.low)}–${number(spread.high)}`,
      plural(spread.count, 'round'),
    ]),
  );
}

export function ratiosForTerminal(results: Results): string {
  if (results.trials.length === 0) return '';
  const summaries = summarise(results);
  const ratios = compared(summaries);
  const lost = dropped(results.trials).length;
  return [
    ratios.length > 0 ? 'ours divided by each peer' : 'nothing to compare ours with: plain values',
    columns(ratios.length > 0 ? ratios : plain(summaries)),
    ...(lost > 0 ? [`${lost} of ${results.trials.length} trials did not count`] : []),
  ].join('\n');
}
