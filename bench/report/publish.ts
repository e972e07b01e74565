// Results to files: raw numbers, page and chart. Into a folder of one's own, or, when the run is fit for it, to where
// published ones are.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { plural } from '../lib/format.ts';
import { publishedChart, publishedPage, resultsFolder, root } from '../lib/paths.ts';
import { writeResults, type Results } from '../lib/results.ts';
import { PUBLISHED_ROUNDS } from '../options.ts';
import { dropped } from '../summary.ts';
import { drawChart } from './chart.ts';
import { chartFigures, reservations, summarise } from './content.ts';
import { renderPage } from './markdown.ts';

/** One file per machine and day. */
export function resultsName(results: Results): string {
  const cpu = results.environment.cpu
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `${cpu}-${results.environment.cpus}cpu-${results.from.slice(0, 10)}.json`;
}

export function caption(results: Results): string {
  const { cpu, kernel, commit } = results.environment;
  return `${plural(results.rounds, 'round')} of ${results.windowSeconds} s · ${cpu.replace(/ \(.*/, '')} · Linux ${kernel.split('-')[0] ?? kernel} · commit ${commit.slice(0, 10)} · ${results.from.slice(0, 10)}`;
}

/** Within the project relative to it, else as it is. */
function nameOf(file: string): string {
  const inside = relative(root, file);
  return inside.startsWith('..') ? resolve(file) : inside;
}

/** Page and chart beside each other. */
export function writeReport(results: Results, page: string, chart: string, source: string): void {
  mkdirSync(dirname(page), { recursive: true });
  writeFileSync(chart, drawChart(chartFigures(summarise(results)), caption(results)));
  const text = renderPage(results, {
    chart: relative(dirname(page), chart),
    source: nameOf(source),
    publishedRounds: PUBLISHED_ROUNDS,
    findings: readFileSync(join(root, 'bench', 'findings.md'), 'utf8').trimEnd(),
  });
  writeFileSync(page, text);
}

/** Raw results, page and chart in one folder; returns the names. */
export function writeOut(
  results: Results,
  folder: string,
): { readonly json: string; readonly page: string; readonly chart: string } {
  mkdirSync(folder, { recursive: true });
  const json = join(folder, resultsName(results));
  writeResults(json, results);
  const page = join(folder, 'benchmarks.md');
  const chart = join(folder, 'benchmarks.svg');
  writeReport(results, page, chart, json);
  return { json, page, chart };
}

/** Share of trials that may be lost in a run that is published. */
const MOST_LOST = 0.25;

/** Why these results are not to be published; empty when they may be. */
export function obstacles(results: Results): string[] {
  const lost = dropped(results.trials).length / Math.max(1, results.trials.length);
  return [
    ...reservations(results, PUBLISHED_ROUNDS),
    ...(results.subjects.some((subject) => subject.id === 'ours') ? [] : ['ours was not measured']),
    ...(lost > MOST_LOST ? [`${Math.round(100 * lost)} % of the trials did not count`] : []),
  ];
}

/** To bench/results and docs; refuses with the reasons. */
export function publish(results: Results): readonly string[] {
  const reasons = obstacles(results);
  if (reasons.length > 0) return reasons;
  mkdirSync(resultsFolder, { recursive: true });
  const json = join(resultsFolder, resultsName(results));
  writeResults(json, results);
  writeReport(results, publishedPage, publishedChart, json);
  return [];
}
