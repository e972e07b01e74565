// A table as wide as the page: its head, and rows whose cells say what they are, so that at phone width each row can be
// shown as a list. Knows no figure.

import { el } from './dom.ts';

export interface Column {
  readonly title: string;
  /** What the head says, where it is not the title. */
  readonly head?: string;
  /** Figures stand to the right. */
  readonly right?: boolean;
  readonly rightHead?: boolean;
}

export interface WideTable {
  readonly table: HTMLElement;
  readonly body: HTMLElement;
  /** A row and its cells, empty; the first is what the row is about. */
  row(): { readonly row: HTMLElement; readonly cells: readonly HTMLElement[] };
}

export function createWideTable(label: string, columns: readonly Column[]): WideTable {
  const body = el('tbody', { attrs: { role: 'rowgroup' } });
  const head = columns.map(({ title, head: shown = title, right = false, rightHead = right }) =>
    el('th', {
      class: rightHead ? 'right' : '',
      text: shown,
      attrs: { scope: 'col', role: 'columnheader' },
    }),
  );
  const table = el(
    'table',
    { class: 'wide', attrs: { role: 'table', 'aria-label': label } },
    el('thead', { attrs: { role: 'rowgroup' } }, el('tr', { attrs: { role: 'row' } }, ...head)),
    body,
  );
  return {
    table,
    body,
    row() {
      const cells = columns.map(({ title, right = false }, at) =>
        el(at === 0 ? 'th' : 'td', {
          class: right ? 'num right' : '',
          attrs: {
            'data-label': title,
            ...(at === 0 ? { scope: 'row', role: 'rowheader' } : { role: 'cell' }),
          },
        }),
      );
      return { row: el('tr', { attrs: { role: 'row' } }, ...cells), cells };
    },
  };
}
