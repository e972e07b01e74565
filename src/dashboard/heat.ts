// The histogram of turns over time as a strip of cells: one column a few seconds wide, one row per bucket, the darker the
// larger its share of that column's turns. No turns, no colour; nobody measured, hatched.

import { addCounts } from '../api/quantile.ts';
import { formatLatency } from '../api/units.ts';
import type { SampleView } from '../api/views.ts';
import { hatch, surface, xOf } from './canvas.ts';
import { GUTTER, type Window } from './charts.ts';
import { el, setText } from './dom.ts';
import { clock } from './format.ts';
import { gaps, sum } from './history.ts';
import { colour } from './theme.ts';

const RIGHT = 12;
const CELL_MS = 5000;

export interface Heat {
  readonly element: HTMLElement;
  draw(window: Window, bounds: readonly number[]): void;
}

/** Turns of a few seconds, and what of them was measured. */
interface Cell {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

export function createHeat(): Heat {
  const canvas = el('canvas', { class: 'heat', attrs: { role: 'img' } });
  const told = el('div', { class: 'legends num', text: '' });
  const head = el('header', {}, el('h3', { text: 'How long turns take, as shares' }), told);
  const element = el(
    'section',
    { class: 'card chart', attrs: { 'aria-label': 'Shares of turn times' } },
    head,
    canvas,
  );
  let pointed: readonly [number, number] | undefined;
  let shown: { readonly window: Window; readonly bounds: readonly number[] } | undefined;

  function cells(window: Window): Map<number, Cell> {
    const groups = new Map<number, SampleView[]>();
    for (const sample of window.samples) {
      const at = Math.floor(sample.at / CELL_MS) * CELL_MS;
      const group = groups.get(at) ?? [];
      groups.set(at, group);
      group.push(sample);
    }
    const made = new Map<number, Cell>();
    for (const [at, all] of groups) {
      const [first, last] = [all[0], all.at(-1)];
      if (first === undefined || last === undefined) continue;
      const counts = addCounts(all.map((sample) => sample.turn_buckets));
      made.set(at, { from: first.at - first.seconds * 1000, to: last.at, counts });
    }
    return made;
  }

  function paint(): void {
    const on = surface(canvas);
    if (on === undefined || shown === undefined) return;
    const { context, width, height } = on;
    const { window, bounds } = shown;
    const { from, to } = window;
    const right = width - RIGHT;
    const x = (at: number): number => Math.max(GUTTER, Math.min(right, xOf(at, from, to, GUTTER, right)));
    for (const [start, end] of gaps(window.samples, from, to, window.everyMs))
      hatch(context, x(start), 0, x(end) - x(start), height);
    const all = cells(window);
    const [lowest, highest] = rowsUsed(
      [...all.values()].map(({ counts }) => counts),
      bounds.length,
    );
    const rows = highest - lowest + 1;
    const tall = height / rows;
    const base = colour('heat');
    for (const { from: start, to: end, counts } of all.values()) {
      const total = sum(counts);
      if (total === 0) continue;
      for (let row = lowest; row <= highest; row += 1) {
        const share = (counts[row] ?? 0) / total;
        if (share === 0) continue;
        // Rare ones are what is looked for: they are shown paler, not invisible.
        context.globalAlpha = 0.14 + 0.86 * Math.sqrt(share);
        context.fillStyle = base;
        const left = x(start);
        context.fillRect(
          left,
          height - (row - lowest + 1) * tall,
          Math.max(1, x(end) - left - 0.5),
          tall - 1,
        );
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = colour('muted');
    context.font = '11px system-ui, sans-serif';
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    const skip = Math.ceil(15 / tall);
    for (let row = lowest; row <= highest; row += skip)
      context.fillText(boundName(bounds, row), GUTTER - 6, height - (row - lowest + 0.5) * tall);
    tell(all, lowest, tall, height, right);
  }

  function tell(
    all: ReadonlyMap<number, Cell>,
    lowest: number,
    tall: number,
    height: number,
    right: number,
  ): void {
    const { window, bounds } = shown ?? {};
    if (window === undefined || bounds === undefined || pointed === undefined) return setText(told, '');
    const at = window.from + ((pointed[0] - GUTTER) / (right - GUTTER)) * (window.to - window.from);
    const cell = Math.floor(at / CELL_MS) * CELL_MS;
    const counts = all.get(cell)?.counts;
    if (counts === undefined) return setText(told, '');
    const row = lowest + Math.floor((height - pointed[1]) / tall);
    const share = (100 * (counts[row] ?? 0)) / Math.max(1, sum(counts));
    setText(told, `${clock(cell)}  ${boundName(bounds, row)}: ${share.toFixed(1)} %`);
  }

  canvas.addEventListener('pointermove', (event) => {
    pointed = [event.offsetX, event.offsetY];
    paint();
  });
  canvas.addEventListener('pointerleave', () => {
    pointed = undefined;
    paint();
  });
  return {
    element,
    draw(window, bounds) {
      shown = { window, bounds };
      const counts = addCounts(window.samples.map((sample) => sample.turn_buckets));
      const most = counts.indexOf(Math.max(0, ...counts));
      canvas.setAttribute(
        'aria-label',
        sum(counts) === 0 ? 'No turns in this time' : `Most turns: ${boundName(bounds, most)}`,
      );
      paint();
    },
  };
}

/** Rows with anything in them and one around; some in the middle where there is nothing. */
function rowsUsed(all: readonly (readonly number[])[], last: number): readonly [number, number] {
  const counts = addCounts(all);
  const used = [...counts.keys()].filter((row) => (counts[row] ?? 0) > 0);
  if (used.length === 0) return [2, Math.min(12, last)];
  return [Math.max(0, Math.min(...used) - 1), Math.min(last, Math.max(...used) + 1)];
}

function boundName(bounds: readonly number[], row: number): string {
  const upper = bounds[row];
  return upper === undefined ? `> ${formatLatency(bounds.at(-1) ?? 0)}` : `≤ ${formatLatency(upper)}`;
}
