// Tables that fit a width: columns are left out, the least needed first, and then names are cut. Pure. Anything that a
// terminal might obey is made visible; colours are added once widths are settled.

import { oneLine } from '../errors.ts';

export type Painted = 'green' | 'red' | 'yellow' | 'magenta' | 'dim' | 'bold';

export interface Column<T> {
  readonly title: string;
  /** The highest is left out first. */
  readonly rank: number;
  readonly right?: boolean;
  /** Cut rather than left out. */
  readonly shrinks?: boolean;
  cell(row: T): string;
  colour?(row: T): Painted;
  /** Red where it is so. */
  alarm?(row: T): boolean;
}

const GAP = 2;
const LEAST_NAME = 10;
const CODES: Readonly<Record<Painted, string>> = {
  green: '32',
  red: '31',
  yellow: '33',
  magenta: '35',
  dim: '2',
  bold: '1',
};

export function paint(text: string, how: Painted, colour: boolean): string {
  return colour ? `\u001b[${CODES[how]}m${text}\u001b[0m` : text;
}

/** At most so many characters, the last an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return width <= 1 ? characters.slice(0, width).join('') : `${characters.slice(0, width - 1).join('')}…`;
}

/** A line of titles, and one per row. */
export function layOut<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number,
  colour: boolean,
): readonly string[] {
  let kept = columns.map((column) => {
    const cells = rows.map((row) => oneLine(column.cell(row)));
    return { column, cells, width: Math.max(...[column.title, ...cells].map((cell) => [...cell].length)) };
  });
  const least = (): number =>
    kept.reduce(
      (sum, each) => sum + GAP + (each.column.shrinks ? Math.min(each.width, LEAST_NAME) : each.width),
      -GAP,
    );
  while (kept.length > 1 && least() > width) {
    const worst = kept.reduce((a, b) => (b.column.rank >= a.column.rank ? b : a));
    kept = kept.filter((each) => each !== worst);
  }
  const total = (): number => kept.reduce((sum, each) => sum + GAP + each.width, -GAP);
  while (total() > width) {
    // The widest name gives first.
    const names = kept.filter((each) => each.column.shrinks && each.width > LEAST_NAME);
    const widest = names.reduce<(typeof kept)[number] | undefined>(
      (a, b) => (a === undefined || b.width > a.width ? b : a),
      undefined,
    );
    if (widest === undefined) break;
    widest.width -= 1;
  }
  const place = (text: string, each: (typeof kept)[number]): string => {
    const fitted = cut(text, each.width);
    const blank = ' '.repeat(each.width - [...fitted].length);
    return each.column.right ? `${blank}${fitted}` : `${fitted}${blank}`;
  };
  const titles = cut(
    kept
      .map((each) => place(each.column.title, each))
      .join('  ')
      .trimEnd(),
    width,
  );
  const lines = rows.map((row, at) =>
    kept
      .map((each, column) => {
        const text = place(each.cells[at] ?? '', each);
        const how = each.column.alarm?.(row) === true ? 'red' : each.column.colour?.(row);
        const last = column === kept.length - 1 ? text.trimEnd() : text;
        return how === undefined ? last : paint(last, how, colour);
      })
      .join('  '),
  );
  return [
    paint(titles, 'dim', colour),
    ...lines.map((line) => (kept.length === 1 ? cut(line, width) : line)),
  ];
}
