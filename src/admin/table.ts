// Tables and figures for people. Pure text; anything that a terminal might obey is made visible.

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

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'] as const;

/** `999`, `1.2K`, `34M`: three digits at most, in steps of 1000. */
export function formatCount(value: number): string {
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const text = unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : scaled.toFixed(0);
  return `${text}${UNITS[unit] ?? ''}`;
}

/** `0.3ms`, `12s`, `5m`, `3h`, `12d`: the largest unit that fits. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(1)}ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  if (seconds < 100) return `${seconds.toFixed(0)}s`;
  if (seconds < 100 * 60) return `${(seconds / 60).toFixed(0)}m`;
  if (seconds < 100 * 3600) return `${(seconds / 3600).toFixed(0)}h`;
  return `${(seconds / 86_400).toFixed(0)}d`;
}
