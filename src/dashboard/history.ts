// What has been told about the last minutes, and columns for charts out of it. Pure. A time without samples is null in
// every column: lines have a gap there, and nothing is drawn that was not measured.

import { addCounts, quantile } from '../api/quantile.ts';
import { stateByLetter } from '../api/states.ts';
import type { BackendState, SampleView, SeriesView } from '../api/views.ts';

export interface History {
  /** Whether samples of another process were thrown away. */
  add(series: SeriesView): boolean;
  /** The last sequence number, for what comes after; 0 before the first. */
  last(): number;
  /** Not older than that, in milliseconds since 1970. */
  since(at: number): readonly SampleView[];
  latest(): SampleView | undefined;
  bounds(): readonly number[];
  everyMs(): number;
  rosterOf(sample: SampleView): SeriesView['rosters'][number] | undefined;
}

/** More than the balancer keeps, so that what is shown does not shrink. */
const MOST_SAMPLES = 900;

export function createHistory(): History {
  let run = '';
  let samples: SampleView[] = [];
  let bounds: readonly number[] = [];
  let everyMs = 1000;
  const rosters = new Map<number, SeriesView['rosters'][number]>();
  return {
    add(series) {
      const restarted = run !== '' && run !== series.run;
      if (restarted) {
        samples = [];
        rosters.clear();
      }
      run = series.run;
      bounds = series.turn_bounds_seconds;
      everyMs = series.every_seconds * 1000;
      for (const roster of series.rosters) rosters.set(roster.id, roster);
      const last = samples.at(-1)?.seq ?? 0;
      samples.push(...series.samples.filter(({ seq }) => seq > last));
      samples = samples.slice(-MOST_SAMPLES);
      const first = samples[0]?.roster ?? 0;
      for (const id of rosters.keys()) if (id < first) rosters.delete(id);
      return restarted;
    },
    last: () => samples.at(-1)?.seq ?? 0,
    since: (at) => samples.filter((sample) => sample.at >= at),
    latest: () => samples.at(-1),
    bounds: () => bounds,
    everyMs: () => everyMs,
    rosterOf: (sample) => rosters.get(sample.roster),
  };
}

/** Whether nobody measured between two samples. */
export function isGap(before: SampleView, after: SampleView): boolean {
  return after.at - after.seconds * 1000 - before.at > 500;
}

/** One of them, null where there is nothing. */
export type Column = (number | null)[];

/** Times in seconds first, then a column for each question. */
export function columns(
  samples: readonly SampleView[],
  ...questions: readonly ((sample: SampleView) => number | null)[]
): [number[], ...Column[]] {
  const times: number[] = [];
  const answers: Column[] = questions.map(() => []);
  let before: SampleView | undefined;
  for (const sample of samples) {
    if (before !== undefined && isGap(before, sample)) {
      times.push((before.at + 1) / 1000);
      for (const column of answers) column.push(null);
    }
    times.push(sample.at / 1000);
    for (const [at, ask] of questions.entries()) answers[at]?.push(ask(sample));
    before = sample;
  }
  return [times, ...answers];
}

/** Times in which nobody measured, in milliseconds, within what is shown. */
export function gaps(
  samples: readonly SampleView[],
  from: number,
  to: number,
  everyMs: number,
): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  const first = samples[0];
  if (first === undefined) return [[from, to]];
  const begin = first.at - first.seconds * 1000;
  if (begin > from) found.push([from, begin]);
  for (const [at, sample] of samples.entries()) {
    const before = samples[at - 1];
    if (before !== undefined && isGap(before, sample))
      found.push([before.at, sample.at - sample.seconds * 1000]);
  }
  const last = samples.at(-1) ?? first;
  // The newest sample is always a little old.
  if (to - last.at > 3 * everyMs) found.push([last.at, to]);
  return found;
}

/** Of turns in a sample and those shortly before it, so that a quiet second is not all noise. */
export function latencyOf(
  samples: readonly SampleView[],
  bounds: readonly number[],
  q: number,
): (sample: SampleView) => number | null {
  const counts = new Map(
    samples.map((sample, at) => [
      sample,
      addCounts(samples.slice(Math.max(0, at - SMOOTHING + 1), at + 1).map((each) => each.turn_buckets)),
    ]),
  );
  return (sample) => (sum(sample.turn_buckets) === 0 ? null : quantile(bounds, counts.get(sample) ?? [], q));
}

const SMOOTHING = 5;

/** States of one backend over time, equal ones in one piece. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly state: BackendState;
}

export interface Lane {
  readonly pool: string;
  readonly backend: string;
  readonly stretches: readonly Stretch[];
}

/** One lane for each backend of any sample, those of the latest first. */
export function lanes(history: History, samples: readonly SampleView[]): readonly Lane[] {
  const byName = new Map<string, { pool: string; backend: string; stretches: Stretch[] }>();
  for (const sample of samples.toReversed()) {
    for (const [at, { pool, backend }] of (history.rosterOf(sample)?.backends ?? []).entries()) {
      const state = stateByLetter(sample.states[at] ?? '');
      if (state === undefined) continue;
      const name = JSON.stringify([pool, backend]);
      const lane = byName.get(name) ?? { pool, backend, stretches: [] };
      byName.set(name, lane);
      const from = sample.at - sample.seconds * 1000;
      const later = lane.stretches[0];
      if (later?.state === state && later.from - sample.at < 500)
        lane.stretches[0] = { from, to: later.to, state };
      else lane.stretches.unshift({ from, to: sample.at, state });
    }
  }
  return [...byName.values()];
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
