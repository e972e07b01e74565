// What happened lately, as it was logged: newest first, a bounded number of lines.

import type { AdminEvent } from '../api/views.ts';
import { el } from './dom.ts';
import { clock } from './format.ts';

export interface Happenings {
  readonly element: HTMLElement;
  add(event: AdminEvent): void;
}

const MOST = 50;
const LONGEST = 400;

export function createHappenings(): Happenings {
  const list = el('ol', { class: 'events' });
  const note = el('p', { class: 'note', text: 'Nothing since this page was opened.' });
  const element = el(
    'section',
    { class: 'card', attrs: { 'aria-label': 'What happened' } },
    el('header', {}, el('h3', { text: 'What happened' })),
    note,
    list,
  );
  return {
    element,
    add({ time, level, message }) {
      note.remove();
      const line = el(
        'li',
        { attrs: { 'data-level': level } },
        el('time', { class: 'num', text: clock(time), attrs: { datetime: new Date(time).toISOString() } }),
        el('b', { text: level }),
        el('span', { text: message.slice(0, LONGEST) }),
      );
      list.prepend(line);
      while (list.childElementCount > MOST) list.lastElementChild?.remove();
    },
  };
}
