// Columns for people: every cell as wide as the widest of its column.

/** Lines with two spaces in front; a column whose every cell after the first looks like a number is set to the right. */
export function table(rows: readonly (readonly string[])[], indent = '  '): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const isNumeric = widths.map(
    (_, at) => at > 0 && rows.slice(1).every((row) => /^[-+]?[\d.]+%?$|^-?$/.test(row[at] ?? '')),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, at) =>
        isNumeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      );
      return `${indent}${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

/** Of a share from 0 to 1. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
