// How evenly workers are used: sessions that each of them serves now, and connections that it has accepted lately.

import type { SampleView } from '../api/views.ts';
import { el, keyed, setText } from './dom.ts';
import { count, rate, text } from './format.ts';
import { sum } from './history.ts';

export interface Workers {
  readonly element: HTMLElement;
  /** The last samples, newest last. */
  draw(latest: readonly SampleView[]): void;
}

interface Row {
  readonly worker: number;
  readonly sessions: number;
  readonly accepted: number | null;
  /** Of the busiest one, 0 to 1. */
  readonly share: number;
  readonly acceptedShare: number;
}

export function createWorkers(): Workers {
  const body = el('tbody');
  const titles = ['Worker', 'Sessions', 'New'];
  const head = el('tr', {}, ...titles.map((title) => el('th', { text: title, attrs: { scope: 'col' } })));
  const note = el('p', { class: 'note' });
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'Workers' } },
    el('header', {}, el('h3', { text: 'Balance of workers' })),
    el('table', { class: 'workers' }, el('thead', {}, head), body),
    note,
  );
  return {
    element,
    draw(latest) {
      const rows = rowsOf(latest);
      setText(note, rows.length === 0 ? 'Nothing measured yet.' : '');
      keyed(
        body,
        rows,
        ({ worker }) => String(worker),
        ({ worker }) =>
          el(
            'tr',
            {},
            el('th', { class: 'num', text: String(worker), attrs: { scope: 'row' } }),
            el('td', {}, bar('line-a')),
            el('td', {}, bar('line-b')),
          ),
        (row, { sessions, accepted, share, acceptedShare }) => {
          setBar(row.children[1]?.firstElementChild, share, text(count(sessions)));
          setBar(row.children[2]?.firstElementChild, acceptedShare, text(rate(accepted)));
        },
      );
    },
  };
}

function bar(name: string): HTMLElement {
  return el(
    'div',
    { class: 'bar' },
    el('i', { attrs: { 'data-colour': name } }),
    el('span', { class: 'num' }),
  );
}

function setBar(element: Element | undefined | null, share: number, label: string): void {
  const [fill, figure] = element?.children ?? [];
  if (fill instanceof HTMLElement) fill.style.setProperty('--share', share.toFixed(3));
  if (figure !== undefined) setText(figure, label);
}

function rowsOf(latest: readonly SampleView[]): readonly Row[] {
  const now = latest.at(-1);
  if (now === undefined) return [];
  const seconds = sum(latest.map((sample) => sample.seconds));
  const accepted = now.worker_sessions.map((_, at) =>
    sum(latest.map((sample) => sample.worker_accepted[at] ?? 0)),
  );
  const mostSessions = Math.max(1, ...now.worker_sessions);
  const mostAccepted = Math.max(1, ...accepted);
  return now.worker_sessions.map((sessions, worker) => ({
    worker,
    sessions,
    accepted: seconds === 0 ? null : (accepted[worker] ?? 0) / seconds,
    share: sessions / mostSessions,
    acceptedShare: (accepted[worker] ?? 0) / mostAccepted,
  }));
}
