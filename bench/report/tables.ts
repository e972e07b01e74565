// The tables of the page that come from summaries: goals, ratios, values. Pure.

import { figure as number, ratio, table } from '../lib/format.ts';
import { PEERS, type Comparison, type FigureSummary } from '../summary.ts';

/** Families in the order of the page. */
export const COLUMNS: readonly string[] = [
  'ours',
  'haproxy-default',
  'haproxy-tuned',
  'nginx-default',
  'nginx-tuned',
  'net',
  'baseline',
  'core',
  'quickack',
  'io-uring',
  'direct',
];

const NAMES: Readonly<Record<string, string>> = {
  ours: 'ours',
  'haproxy-default': 'HAProxy',
  'haproxy-tuned': 'HAProxy tuned',
  'nginx-default': 'nginx',
  'nginx-tuned': 'nginx tuned',
  net: 'node:net',
  baseline: 'baseline',
  core: 'data plane alone',
  quickack: 'with quickack',
  'io-uring': 'io_uring trial',
  direct: 'direct',
};

export const nameOf = (family: string): string => NAMES[family] ?? family;

function judgement(c: Comparison): string {
  switch (c.judgement) {
    case 'reached':
      return '**reached**';
    case 'missed':
      return 'not reached';
    case 'open':
      return `within the spread (${c.ratio.median <= (c.goal ?? 0) ? 'median reached' : 'median not reached'})`;
    case 'no-goal':
      return '';
    default: {
      const unreachable: never = c.judgement;
      throw new TypeError(`no such judgement: ${String(unreachable)}`);
    }
  }
}

export function goalsTable(summaries: readonly FigureSummary[]): string {
  const rows = summaries.flatMap((summary) =>
    summary.comparisons
      .filter((c) => c.goal !== undefined)
      .map((c) => [
        `${summary.workload.id}: ${summary.workload.title}`,
        summary.figure.name,
        nameOf(c.peer),
        ratio(c.ratio.median),
        `${ratio(c.ratio.low)} – ${ratio(c.ratio.high)}`,
        `≤ ${ratio(c.goal ?? NaN)}`,
        judgement(c),
      ]),
  );
  if (rows.length === 0) return 'No pair of ours and a peer was measured in a workload that has a goal.';
  return table(['workload', 'figure', 'peer', 'ours / peer:', '95 % interval:', 'goal:', ''], rows);
}

export function ratioTable(summaries: readonly FigureSummary[]): string {
  const compared = summaries.filter((summary) => summary.comparisons.length > 0);
  const peers = PEERS.filter((peer) => compared.some((s) => s.comparisons.some((c) => c.peer === peer)));
  const rows = compared.map((summary) => [
    summary.workload.id,
    `${summary.figure.name}${summary.figure.better === 'higher' ? ' (higher is better)' : ''}`,
    ...peers.map((peer) => {
      const c = summary.comparisons.find((comparison) => comparison.peer === peer);
      if (c === undefined) return '–';
      const cell = `${ratio(c.ratio.median)} (${ratio(c.ratio.low)}–${ratio(c.ratio.high)})`;
      return c.tie ? `${cell} =` : cell;
    }),
    summary.noise === undefined ? '–' : `${ratio(summary.noise.low)}–${ratio(summary.noise.high)}`,
  ]);
  if (rows.length === 0) return '';
  return table(['workload', 'figure', ...peers.map((peer) => `${nameOf(peer)}:`), 'noise:'], rows);
}

/** The middle value of each family's best variant, with half of all values around it. */
export function valuesTable(summaries: readonly FigureSummary[]): string {
  const families = COLUMNS.filter((family) =>
    summaries.some((s) => s.standings.some((standing) => standing.family === family)),
  );
  const rows = summaries.map((summary) => [
    summary.figure.unit === '' ? summary.figure.name : `${summary.figure.name}, ${summary.figure.unit}`,
    ...families.map((family) => {
      const own = summary.standings
        .filter(
          (standing) =>
            standing.family === family &&
            (family !== 'ours' || standing.subject === 'ours' || summary.workload.letter === 'H'),
        )
        .sort((a, b) => (summary.figure.better === 'lower' ? 1 : -1) * (a.spread.median - b.spread.median));
      const best = own[0];
      if (best === undefined) return '–';
      return `${number(best.spread.median)} (${number(best.spread.low)}–${number(best.spread.high)})`;
    }),
  ]);
  return table(['', ...families.map((family) => `${nameOf(family)}:`)], rows);
}
