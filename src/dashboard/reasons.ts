// Why sessions end: each reason that was seen with its rate, how many there were in the time shown, and a small curve on
// a scale of its own, since one in a thousand matters here as much as the thousand.

import type { SampleView } from '../api/views.ts';
import { surface, xOf } from './canvas.ts';
import type { Window } from './charts.ts';
import { el, keyed, setText } from './dom.ts';
import { count, rate, text } from './format.ts';
import { isGap, sum } from './history.ts';
import { colour } from './theme.ts';

export interface Reasons {
  readonly element: HTMLElement;
  draw(window: Window): void;
}

const RECENT = 10;

export function createReasons(): Reasons {
  const body = el('tbody');
  const head = el(
    'tr',
    {},
    ...['Reason', 'Over time', 'Now', 'In all'].map((title, at) =>
      el('th', { text: title, attrs: { scope: 'col' }, ...(at > 1 ? { class: 'right' } : {}) }),
    ),
  );
  const note = el('p', { class: 'note' });
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'Why sessions end' } },
    el('header', {}, el('h3', { text: 'Why sessions end' })),
    el('table', { class: 'reasons' }, el('thead', {}, head), body),
    note,
  );
  return {
    element,
    draw(window) {
      const names = new Set(window.samples.flatMap(({ closed }) => Object.keys(closed)));
      const rows = [...names]
        .map((name) => ({ name, total: sum(window.samples.map(({ closed }) => closed[name] ?? 0)) }))
        .sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
      const recent = window.samples.slice(-RECENT);
      const seconds = sum(recent.map((sample) => sample.seconds));
      setText(note, rows.length === 0 ? 'No session has ended in this time.' : '');
      keyed(
        body,
        rows,
        ({ name }) => name,
        ({ name }) =>
          el(
            'tr',
            {},
            el('th', { text: name.replaceAll('_', ' '), attrs: { scope: 'row' } }),
            el('td', {}, el('canvas', { class: 'spark', attrs: { 'aria-hidden': 'true' } })),
            el('td', { class: 'num right' }),
            el('td', { class: 'num right' }),
          ),
        (row, { name, total }) => {
          const [, curve, now, all] = row.children;
          const each = sum(recent.map(({ closed }) => closed[name] ?? 0));
          if (now !== undefined) setText(now, text(rate(seconds === 0 ? null : each / seconds)));
          if (all !== undefined) setText(all, text(count(total)));
          const canvas = curve?.firstElementChild;
          if (canvas instanceof HTMLCanvasElement)
            paintCurve(canvas, window, (s) => (s.closed[name] ?? 0) / s.seconds);
        },
      );
    },
  };
}

function paintCurve(
  canvas: HTMLCanvasElement,
  { samples, from, to }: Window,
  of: (sample: SampleView) => number,
): void {
  const on = surface(canvas);
  if (on === undefined) return;
  const { context, width, height } = on;
  const most = Math.max(...samples.map(of), 1e-9);
  context.strokeStyle = colour('accent');
  context.lineWidth = 1.5;
  context.beginPath();
  let before: SampleView | undefined;
  for (const sample of samples) {
    const [x, y] = [xOf(sample.at, from, to, 0, width), height - 2 - (height - 4) * (of(sample) / most)];
    if (before === undefined || isGap(before, sample)) context.moveTo(x, y);
    else context.lineTo(x, y);
    before = sample;
  }
  context.stroke();
}
