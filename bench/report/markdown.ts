// The page: method first, then what was measured beside what was meant to be reached, then what did not count, then how
// to measure it again. Made from a results file alone. Pure: results in, text out.

import { duration, figure as number, plural, seconds, table } from '../lib/format.ts';
import type { Results } from '../lib/results.ts';
import { LEAST_DELIVERED, MOST_STEAL, MOST_FORKS, MOST_STRANGERS } from '../rules.ts';
import {
  dropped,
  efficiency,
  failures,
  mainThreadShare,
  summariseFigure,
  type FigureSummary,
} from '../summary.ts';
import { bounds, perUnit } from '../syscalls.ts';
import { workloads, type Workload } from '../workloads.ts';
import { measuredWorkloads, reservations, summarise } from './content.ts';
import { COLUMNS, goalsTable, nameOf, ratioTable, valuesTable } from './tables.ts';

function reloadsText(results: Results): string {
  const own = results.trials.filter((trial) => trial.workload === 'H' && trial.voids.length === 0);
  const rates = own
    .flatMap((trial) => (trial.reloadsPerSecond === undefined ? [] : [trial.reloadsPerSecond]))
    .sort((a, b) => a - b);
  const workload = workloads.find((w) => w.id === 'H');
  if (rates.length === 0 || workload === undefined) return '';
  const rows = workload.figures.map((figure) => {
    const summary = summariseFigure(results, workload, figure);
    const of = (id: string): string =>
      number(summary.standings.find((standing) => standing.subject === id)?.spread.median);
    return [`${figure.name}, ${figure.unit}`, of('ours'), of('ours/reloading')];
  });
  return `A changed config was taken ${number(rates[Math.floor(rates.length / 2)])} times a second (median of ${plural(rates.length, 'trial')}: the file read, checked, compiled, applied).\n\n${table(['', 'without reloads:', 'while reloading:'], rows)}`;
}

function workloadSection(results: Results, workload: Workload, summaries: readonly FigureSummary[]): string {
  const own = summaries.filter((summary) => summary.workload.id === workload.id);
  const failed = [...failures(results.trials, workload.id)].map(
    ([subject, why]) => `- **${subject}** has no score: ${why}`,
  );
  const winners =
    own[0]?.comparisons
      .filter((c) => c.subject !== c.peer)
      .map((c) => `${nameOf(c.peer)}: ${c.subject.split('/')[1] ?? c.subject}`) ?? [];
  const shares = COLUMNS.flatMap((family) => {
    const subject = family === 'ours' ? 'ours' : own[0]?.standings.find((s) => s.family === family)?.subject;
    const share =
      subject === undefined || family === 'direct' ? undefined : efficiency(results, workload, subject);
    return share === undefined ? [] : [`${nameOf(family)} ${Math.round(share * 100)} %`];
  });
  const mainThread = mainThreadShare(results, workload, 'ours');
  const counted = own[0]?.standings[0]?.spread.count ?? 0;
  return [
    `### ${workload.id}: ${workload.title}`,
    '',
    `${workload.about} (${workload.loop === 'none' ? 'no loop' : `${workload.loop} loop`}; ${plural(counted, 'round')} counted).`,
    '',
    workload.letter === 'H' ? reloadsText(results) : valuesTable(own),
    '',
    ...(shares.length > 0
      ? [
          `Efficiency, twice the machine time of direct divided by the machine time with the proxy: ${shares.join(', ')}.`,
          '',
        ]
      : []),
    ...(mainThread === undefined
      ? []
      : [`Of ours, the thread that runs JavaScript took ${(100 * mainThread).toFixed(1)} %.`, '']),
    ...(winners.length > 0 ? [`Best variants: ${winners.join('; ')}.`, ''] : []),
    ...failed,
    `\`npm run bench -- --macro --workloads ${workload.id}\``,
    '',
  ].join('\n');
}

function syscallsSection(results: Results): string {
  if (results.syscalls.length === 0) return '';
  const parts = bounds.map((bound) => {
    const records = results.syscalls.filter((record) => record.workload === bound.workload);
    const rows = records.map((record) => {
      const top = Object.entries(record.calls)
        .sort((a, b) => b[1] - a[1])
        .filter(([, count]) => count / record.units >= 0.05)
        .map(([name, count]) => `${name} ${number(count / record.units)}`);
      return [record.subject, number(perUnit(record)), top.join(', ')];
    });
    const least = bound.least === undefined ? '' : ` Least: ${bound.least[0]} to ${bound.least[1]}.`;
    return `**${bound.title}.**${least} (${bound.why}.)\n\n${table(['subject', `calls per ${bound.unit}:`, 'which'], rows)}`;
  });
  return [
    '## System calls',
    '',
    'Counted with one connection at a time, when nothing can be shared between connections.',
    '',
    parts.join('\n\n'),
    '',
    '`npm run bench -- --syscalls`',
    '',
  ].join('\n');
}

function microSection(results: Results): string {
  if (results.micro.length === 0) return '';
  const groups = [...new Set(results.micro.map((record) => record.group))];
  const parts = groups.map((group) => {
    const rows = results.micro
      .filter((record) => record.group === group)
      .map((record) => [
        record.name,
        duration(record.ns),
        record.note ??
          (record.p99 === undefined ? '' : `p99 ${duration(record.p99)}, ${record.samples} samples`),
      ]);
    return `**${group}**\n\n${table(['', 'time:', ''], rows)}`;
  });
  return ['## Parts by themselves', '', parts.join('\n\n'), '', '`npm run bench -- --micro`', ''].join('\n');
}

function environmentSection(results: Results): string {
  const e = results.environment;
  const lines = [
    `- ${e.cpu}, ${e.cpus} CPUs${e.virtual ? ', a virtual machine' : ''}, ${e.memoryGiB} GiB; Linux ${e.kernel}; governor ${e.governor}; clock ${e.clocksource}`,
    `- ${e.mitigations}`,
    `- placement: ${e.placement}`,
    `- network: ${e.network}`,
    `- versions: ${Object.entries(e.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `- commit ${e.commit}${e.dirty ? ' with uncommitted changes' : ''}`,
    `- ${results.from} to ${results.to}; load average ${e.loadBefore.join(' ')} before, ${e.loadAfter.join(' ')} after; ${(100 * e.idleBusy).toFixed(1)} % of the machine busy before anything was started`,
    `- descriptors: ${e.descriptorLimit}; ${Object.entries(e.sysctls)
      .map(([name, value]) => `\`${name}=${value}\``)
      .join(', ')}`,
  ];
  return [
    '## Where it was measured',
    '',
    ...lines,
    '',
    table(
      ['subject', 'set up as'],
      results.subjects.map((s) => [s.id, s.setup]),
    ),
    '',
  ].join('\n');
}

function droppedSection(results: Results): string {
  const all = dropped(results.trials);
  const shown = all.slice(0, 60);
  const rows = shown.map((d) => [d.workload, String(d.round), d.subject, d.why]);
  return [
    '## What did not count',
    '',
    ...results.notes.map((note) => `- ${note}`),
    ...(results.notes.length > 0 ? [''] : []),
    all.length === 0
      ? 'Every trial counted.'
      : `${all.length} of ${results.trials.length} trials were void or belong to a disturbed round; disturbed rounds were run again where repetitions were left.`,
    '',
    ...(rows.length > 0 ? [table(['workload', 'round:', 'subject', 'why'], rows), ''] : []),
    ...(all.length > shown.length
      ? [`… and ${all.length - shown.length} more in the results file.`, '']
      : []),
  ].join('\n');
}

export function renderPage(
  results: Results,
  options: {
    readonly chart: string;
    readonly source: string;
    readonly publishedRounds: number;
    /** Written by hand: what else was found out, and how. */
    readonly findings: string;
  },
): string {
  const summaries = summarise(results);
  const doubts = reservations(results, options.publishedRounds);
  return [
    '<!-- Generated from a results file by `npm run bench -- --report FILE`. Do not edit. -->',
    '# Benchmarks',
    '',
    ...(doubts.length > 0 ? ['> **Not for quoting:**', ...doubts.map((doubt) => `> - ${doubt}`), ''] : []),
    '## Method',
    '',
    `Each subject relays with one worker on one CPU; generator and backends are one thread on another. The first figure of a workload is the **CPU time that the proxy takes per unit of work** (from the scheduler's own nanosecond count, all threads of all its processes), since on a machine this small a rate measures the generator. In each of ${plural(results.rounds, 'round')} every subject runs once, in random order (seed ${results.seed}), started anew, measured for ${results.windowSeconds} s after ${results.warmUpSeconds} s of warm-up. **Ratios are taken within a round**; the table shows their median and an interval from resampling that holds 95 % of the medians${results.rounds < 5 ? ' (with fewer than five rounds: their whole range)' : ''}. *Noise* is ours divided by ours, measured as two subjects: differences inside it are ties, marked "=". Every byte's place is checked on arrival, half-close has to be delivered, all sessions have to end: a subject that fails has no score.`,
    '',
    `Rules fixed beforehand: a round is dropped when the hypervisor took more than ${100 * MOST_STEAL} % of the machine, when tasks of strangers had more than ${100 * MOST_STRANGERS} % of it or more than ${MOST_FORKS} were started${results.strangersTolerated ? ' (not applied here)' : ''}, or when the generator was late by more than a part of the latency that is measured; a trial is void after any error, a short transfer, or when less than ${100 * LEAST_DELIVERED} % of an offered rate arrived. For tuned peers the best variant of each workload counts. bench/README.md tells what would make these figures wrong.`,
    '',
    `![Ours divided by each peer, per workload](${options.chart})`,
    '',
    '## Goals and what was measured',
    '',
    'Ours divided by the peer; lower is better.',
    '',
    goalsTable(summaries),
    '',
    ...(ratioTable(summaries) === ''
      ? []
      : [
          '## All ratios',
          '',
          'Ours divided by the peer, the interval in brackets; "=" is a tie.',
          '',
          ratioTable(summaries),
          '',
        ]),
    '## Per workload',
    '',
    'Medians over rounds, with the middle half of the rounds in brackets.',
    '',
    ...measuredWorkloads(results).map((workload) => workloadSection(results, workload, summaries)),
    syscallsSection(results),
    microSection(results),
    options.findings,
    '',
    environmentSection(results),
    droppedSection(results),
    '## Measure it again',
    '',
    '```sh',
    'npm ci && npm run build',
    results.command,
    '```',
    '',
    `Took ${seconds((Date.parse(results.to) - Date.parse(results.from)) / 1000)}. Raw results: \`${options.source}\`; this page comes from them alone: \`npm run bench -- --report ${options.source}\`.`,
    '',
  ]
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n');
}
