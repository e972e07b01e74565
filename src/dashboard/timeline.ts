// How each backend stood over the last minutes: a lane for each, coloured and patterned by state, so that no state is
// told by its colour alone. What was not measured stays hatched.

import type { BackendState } from '../api/views.ts';
import { hatch, surface, xOf } from './canvas.ts';
import type { Window } from './charts.ts';
import { el, keyed, setText } from './dom.ts';
import { gaps, type Lane } from './history.ts';
import { colour } from './theme.ts';

export interface Timeline {
  readonly element: HTMLElement;
  draw(window: Window, lanes: readonly Lane[], leftOut: number): void;
}

const STATES: readonly { readonly state: BackendState; readonly name: string }[] = [
  { state: 'up', name: 'up' },
  { state: 'down', name: 'down' },
  { state: 'drain', name: 'draining' },
  { state: 'maintenance', name: 'maintenance' },
];

export function createTimeline(): Timeline {
  const key = el(
    'div',
    { class: 'legends' },
    ...STATES.map(({ state, name }) =>
      el(
        'span',
        { class: 'legend' },
        el('i', { class: 'swatch', attrs: { 'data-colour': state } }),
        document.createTextNode(name),
      ),
    ),
  );
  const rows = el('div', { class: 'lanes', attrs: { role: 'list' } });
  const note = el('p', { class: 'note' });
  const head = el('header', {}, el('h3', { text: 'Health of backends' }), key);
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'Health of backends over time' } },
    head,
    rows,
    note,
  );
  return {
    element,
    draw(window, lanes, leftOut) {
      keyed(
        rows,
        lanes,
        ({ pool, backend }) => JSON.stringify([pool, backend]),
        ({ pool, backend }) =>
          el(
            'div',
            { class: 'lane', attrs: { role: 'listitem' } },
            el('span', { class: 'addr', text: backend, attrs: { title: `${backend} of pool ${pool}` } }),
            el('canvas', { attrs: { role: 'img' } }),
          ),
        (row, lane) => {
          const canvas = row.lastElementChild;
          if (canvas instanceof HTMLCanvasElement) paintLane(canvas, window, lane);
        },
      );
      const more = leftOut === 0 ? '' : `${leftOut} more backends are not followed over time.`;
      setText(note, lanes.length === 0 ? 'Nothing measured yet.' : more);
    },
  };
}

function paintLane(canvas: HTMLCanvasElement, { samples, from, to, everyMs }: Window, lane: Lane): void {
  const words = lane.stretches.slice(-3).map(({ state }) => state);
  canvas.setAttribute('aria-label', `${lane.backend}: ${words.join(', then ')}`);
  const on = surface(canvas);
  if (on === undefined) return;
  const { context, width, height } = on;
  const x = (at: number): number => Math.max(0, Math.min(width, xOf(at, from, to, 0, width)));
  for (const [start, end] of gaps(samples, from, to, everyMs))
    hatch(context, x(start), 0, x(end) - x(start), height);
  for (const stretch of lane.stretches) {
    const left = x(stretch.from);
    const right = x(stretch.to);
    if (right - left <= 0) continue;
    context.fillStyle = colour(stretch.state);
    pattern(context, stretch.state, left, Math.max(1, right - left), height);
  }
}

/** Up is a full band, down a low one, held back ones are dashed bands: shape tells as much as colour does. */
function pattern(
  context: CanvasRenderingContext2D,
  state: BackendState,
  left: number,
  width: number,
  height: number,
): void {
  switch (state) {
    case 'up':
      return context.fillRect(left, 0, width, height);
    case 'down':
      return context.fillRect(left, height * 0.62, width, height * 0.38);
    case 'drain':
    case 'maintenance': {
      const step = state === 'drain' ? 6 : 10;
      context.save();
      context.beginPath();
      context.rect(left, 0, width, height);
      context.clip();
      for (let at = Math.floor(left / step) * step; at < left + width; at += step)
        context.fillRect(at, height * 0.25, step * 0.6, height * 0.5);
      context.restore();
      return;
    }
    default: {
      const unreachable: never = state;
      throw new TypeError(`no such state: ${String(unreachable)}`);
    }
  }
}
