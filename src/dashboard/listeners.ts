// Listeners and pools, a row each: where clients come in, who serves them, and how much goes through.

import type { ListenerActivity } from '../api/activity.ts';
import type { StateView } from '../api/views.ts';
import { el, keyed, setText } from './dom.ts';
import { bytes, latency, perSecond, rate, text } from './format.ts';
import { type Column, createWideTable } from './wide-table.ts';

export interface Listeners {
  readonly element: HTMLElement;
  draw(state: StateView, activity: readonly ListenerActivity[]): void;
}

const FIGURES = ['Sessions', 'New', 'To backend', 'To client', 'Turn p50', 'p99', 'Errors'];
const COLUMNS: readonly Column[] = [
  { title: 'Listener' },
  { title: 'Pool' },
  ...FIGURES.map((title) => ({ title, right: true })),
];

export function createListeners(): Listeners {
  const { table, body, row: makeRow } = createWideTable('Listeners', COLUMNS);
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'Listeners' } },
    el('header', {}, el('h3', { text: 'Listeners and pools' })),
    table,
  );
  return {
    element,
    draw({ pools }, activity) {
      const byName = new Map(pools.map((pool) => [pool.name, pool]));
      keyed(
        body,
        activity,
        ({ name }) => name,
        ({ name, listen }) => {
          const { row, cells } = makeRow();
          const [first, pool] = cells;
          first?.append(el('span', { class: 'addr', text: name }), el('small', { text: listen.join(', ') }));
          pool?.append(el('span', { class: 'addr' }), el('small'));
          return row;
        },
        (row, each) => {
          const cells = [...row.children];
          const pool = byName.get(each.pool);
          const up =
            pool?.backends.filter((view) => view.up && view.hold === null && view.configured).length ?? 0;
          const [poolName, poolFacts] = cells[1]?.children ?? [];
          if (poolName !== undefined) setText(poolName, each.pool);
          if (poolFacts !== undefined)
            setText(
              poolFacts,
              `${pool?.algorithm.replaceAll('_', ' ') ?? ''}, ${up} of ${pool?.backends.length ?? 0} serve`,
            );
          const figures = [
            `${each.sessions}${each.max_connections === 0 ? '' : ` / ${each.max_connections}`}`,
            text(rate(each.opened)),
            text(perSecond(bytes(each.to_backend_bytes))),
            text(perSecond(bytes(each.to_client_bytes))),
            text(latency(each.p50)),
            text(latency(each.p99)),
            text(rate(each.errors)),
          ];
          for (const [at, figure] of figures.entries()) {
            const cell = cells[at + 2];
            if (cell !== undefined) setText(cell, figure);
          }
        },
      );
    },
  };
}
