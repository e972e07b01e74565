// Backends of all pools and what can be done to them. A row stays the same element for as long as its backend is there,
// so that a button does not move from under a finger or lose the focus.

import type { BackendActivity } from '../api/activity.ts';
import type { BackendView, StateView } from '../api/views.ts';
import { askWeight, confirm } from './dialogs.ts';
import { el, keyed, setText } from './dom.ts';
import { age, bytes, latency, NONE, perSecond, rate, text } from './format.ts';
import { type Column, createWideTable } from './wide-table.ts';

/** Does it, tells of it, and looks again. */
export type Act = (pool: string, backend: string, verb: string, said: string, body?: object) => void;

export interface Backends {
  readonly element: HTMLElement;
  draw(state: StateView, activity: readonly BackendActivity[]): void;
}

const FIGURES = ['Sessions', 'New', 'To backend', 'To client', 'Turn p50', 'p99', 'Failed', 'Weight'];
const COLUMNS: readonly Column[] = [
  { title: 'Backend' },
  { title: 'State' },
  ...FIGURES.map((title) => ({ title, right: true })),
  { title: 'Actions' },
];
const WORDS: Readonly<Record<string, string>> = {
  up: 'up',
  down: 'down',
  drain: 'draining',
  maintenance: 'maintenance',
  removed: 'removed',
};

interface Row {
  readonly pool: string;
  readonly algorithm: string;
  readonly view: BackendView;
  readonly activity: BackendActivity | undefined;
}

export function createBackends(act: Act): Backends {
  const { table, body, row: makeRow } = createWideTable('Backends', COLUMNS);
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'Backends' } },
    el('header', {}, el('h3', { text: 'Backends' })),
    table,
  );

  function make(row: Row): HTMLElement {
    const { pool, view } = row;
    const { backend } = view;
    const { row: made, cells } = makeRow();
    const [name, state] = cells;
    name?.append(el('span', { class: 'addr', text: backend }), el('small', { text: pool }));
    state?.append(el('span', { class: 'chip' }), el('small', { class: 'since' }));
    const button = (verb: string, title: string, run: () => void): HTMLElement =>
      el('button', {
        text: title,
        attrs: { type: 'button', 'data-verb': verb, 'aria-label': `${title}: ${backend} of pool ${pool}` },
        on: { click: run },
      });
    cells.at(-1)?.append(
      el(
        'div',
        { class: 'actions' },
        button('ready', 'Ready', () => act(pool, backend, 'ready', `${backend} takes new sessions again`)),
        button('drain', 'Drain', () =>
          act(pool, backend, 'drain', `${backend} takes no new sessions; open ones may finish`),
        ),
        button('maintenance', 'Maintenance', () => void maintain(pool, backend)),
        button('weight', 'Weight', () => void weigh(pool, backend)),
      ),
    );
    return made;
  }

  async function maintain(pool: string, backend: string): Promise<void> {
    const sure = await confirm({
      title: `Maintenance of ${backend}`,
      text: 'It takes no new sessions, and its open sessions are ended now. Drain lets them finish instead.',
      yes: 'End its sessions',
    });
    if (sure) act(pool, backend, 'maintenance', `${backend} is in maintenance; its sessions are ended`);
  }

  const latest = new Map<string, BackendView>();

  async function weigh(pool: string, backend: string): Promise<void> {
    const view = latest.get(JSON.stringify([pool, backend]));
    if (view === undefined) return;
    const weight = await askWeight(backend, view.weight, view.configured_weight);
    if (weight !== undefined) act(pool, backend, 'weight', `${backend} has weight ${weight}`, { weight });
  }

  function update(row: HTMLElement, { view, activity }: Row): void {
    const state = activity?.state ?? 'removed';
    row.dataset['state'] = state;
    const cells = [...row.children];
    const [chip, since] = cells[1]?.children ?? [];
    if (chip instanceof HTMLElement) {
      setText(chip, WORDS[state] ?? state);
      chip.dataset['state'] = state;
      chip.title = [view.code, view.detail].filter((part) => part !== '').join(': ');
    }
    if (since !== undefined)
      setText(since, view.configured ? `${view.up ? 'up' : 'down'} ${age(view.for_seconds)}` : '');
    const most = view.max_connections === 0 ? '' : ` / ${view.max_connections}`;
    const failed = Object.values(view.connect_failures).reduce((all, count) => all + count, 0);
    const figures = [
      `${view.sessions}${most}`,
      text(rate(activity?.opened ?? null)),
      text(perSecond(bytes(activity?.to_backend_bytes ?? null))),
      text(perSecond(bytes(activity?.to_client_bytes ?? null))),
      text(latency(activity?.p50 ?? null)),
      text(latency(activity?.p99 ?? null)),
      failed === 0 ? '0' : `${failed} (${text(rate(activity?.errors ?? null))})`,
      `${view.weight}${view.weight === view.configured_weight ? '' : ` (${view.configured_weight})`}${view.backup ? ' backup' : ''}`,
    ];
    for (const [at, figure] of figures.entries()) {
      const cell = cells[at + 2];
      if (cell !== undefined) setText(cell, figure === '' ? NONE : figure);
    }
    for (const button of row.querySelectorAll('button')) {
      const verb = button.dataset['verb'] ?? '';
      button.disabled = !view.configured || verb === view.hold || (verb === 'ready' && view.hold === null);
    }
  }

  return {
    element,
    draw(state, activity) {
      const byName = new Map(activity.map((each) => [JSON.stringify([each.pool, each.backend]), each]));
      const rows = state.pools.flatMap(({ name, algorithm, backends }) =>
        backends.map((view): Row => ({
          pool: name,
          algorithm,
          view,
          activity: byName.get(JSON.stringify([name, view.backend])),
        })),
      );
      latest.clear();
      for (const { pool, view } of rows) latest.set(JSON.stringify([pool, view.backend]), view);
      keyed(body, rows, ({ pool, view }) => JSON.stringify([pool, view.backend]), make, update);
    },
  };
}
