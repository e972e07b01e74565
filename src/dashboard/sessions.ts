// Open sessions, some of them, asked for only while this part is unfolded: who, on what, since when; and an end for one.

import type { SessionView } from '../api/views.ts';
import type { Client } from './client.ts';
import { confirm } from './dialogs.ts';
import { el, keyed, setText } from './dom.ts';
import { age, bytes, NONE, text } from './format.ts';
import { type Column, createWideTable } from './wide-table.ts';

export interface SessionsParts {
  readonly client: Client;
  readonly told: (message: string, kind: 'done' | 'failed') => void;
}

export interface Sessions {
  readonly element: HTMLElement;
  stop(): void;
}

const EVERY_MS = 2500;
const MOST = 100;
const FIGURES = ['Age', 'Idle', 'Turns', 'To backend', 'To client'];
const COLUMNS: readonly Column[] = [
  { title: 'Client' },
  { title: 'Listener' },
  { title: 'Backend' },
  ...FIGURES.map((title) => ({ title, right: true })),
  { title: '', head: 'Action', right: true, rightHead: false },
];

export function createSessions({ client, told }: SessionsParts): Sessions {
  const { table, body, row: makeRow } = createWideTable('Open sessions', COLUMNS);
  const note = el('p', { class: 'note', attrs: { role: 'status' } });
  const by = el(
    'select',
    { attrs: { 'aria-label': 'Filter by' } },
    ...['client', 'backend', 'listener', 'pool'].map((name) =>
      el('option', { text: name, attrs: { value: name } }),
    ),
  );
  const wanted = el('input', {
    attrs: { type: 'search', placeholder: 'all of them', 'aria-label': 'Filter', maxlength: '300' },
  });
  const filter = el('div', { class: 'filter' }, by, wanted);
  const element = el(
    'details',
    { class: 'card', attrs: { id: 'sessions' } },
    el('summary', {}, el('h3', { text: 'Open sessions' })),
    filter,
    table,
    note,
  );
  let asking = false;

  async function refresh(): Promise<void> {
    if (!element.open || asking || document.visibilityState !== 'visible') return;
    asking = true;
    const query = new URLSearchParams({ limit: String(MOST) });
    const value = wanted.value.trim();
    if (value !== '') query.set(by.value, value);
    const answer = await client.sessions(query.toString());
    asking = false;
    if (!answer.ok) {
      setText(note, `The list cannot be had: ${answer.message}`);
      return;
    }
    const { sessions, truncated } = answer.body;
    const more = truncated
      ? `The first ${sessions.length}; there are more: filter, or use ctl sessions.`
      : '';
    setText(note, sessions.length === 0 ? 'None.' : more);
    keyed(body, sessions, ({ id }) => id, make, update);
  }

  function make(session: SessionView): HTMLElement {
    const { row, cells } = makeRow();
    for (const at of [0, 1, 2]) cells[at]?.append(el('span', { class: 'addr' }));
    const end = el('button', {
      text: 'End',
      attrs: { type: 'button', 'aria-label': `End the session of ${session.client}` },
      on: { click: () => void kill(session) },
    });
    cells.at(-1)?.append(end);
    return row;
  }

  function update(row: HTMLElement, session: SessionView): void {
    const cells = [...row.children];
    const texts = [
      session.client,
      session.listener,
      session.backend === '' ? NONE : session.backend,
      age(session.age_seconds),
      age(session.idle_seconds),
      String(session.turns),
      text(bytes(session.to_backend_bytes)),
      text(bytes(session.to_client_bytes)),
    ];
    for (const [at, value] of texts.entries()) {
      const cell = at < 3 ? cells[at]?.firstElementChild : cells[at];
      if (cell !== undefined && cell !== null) setText(cell, value);
    }
  }

  async function kill({ id, client: from, backend }: SessionView): Promise<void> {
    const sure = await confirm({
      title: 'End this session?',
      text: `From ${from} to ${backend === '' ? 'no backend yet' : backend}. Both sides are closed at once.`,
      yes: 'End it',
    });
    if (!sure) return;
    const answer = await client.kill(id);
    told(answer.ok ? `The session of ${from} is ended` : answer.message, answer.ok ? 'done' : 'failed');
    void refresh();
  }

  element.addEventListener('toggle', () => void refresh());
  wanted.addEventListener('input', () => void refresh());
  by.addEventListener('change', () => void refresh());
  const timer = setInterval(() => void refresh(), EVERY_MS);
  return { element, stop: () => clearInterval(timer) };
}
