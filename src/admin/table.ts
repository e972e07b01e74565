// Tables for people. Pure text; anything that a terminal might obey is made visible.

import { oneLine } from '../errors.ts';

export interface Column<T> {
  readonly title: string;
  readonly right?: boolean;
  cell(row: T): string;
}

/** One line per row under a line of titles, columns as wide as they need to be; ends in a newline. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const titles = columns.map(({ title }) => title);
  const lines = [titles, ...rows.map((row) => columns.map((column) => oneLine(column.cell(row))))];
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => (cells[at] ?? '').length)));
  const aligned = (cell: string, at: number): string =>
    columns[at]?.right === true ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  return lines.map((cells) => `${cells.map(aligned).join('  ').trimEnd()}\n`).join('');
}
