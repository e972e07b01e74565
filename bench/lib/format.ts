// Numbers for people: three significant digits, no more than is known.

/** 12345 to "12,300", 0.012345 to "0.0123"; "–" for what is not there. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  const scale = 10 ** Math.max(digits, -12);
  const rounded = Math.round(value * scale) / scale;
  return rounded.toLocaleString('en-US', {
    minimumFractionDigits: Math.max(0, Math.min(6, digits)),
    maximumFractionDigits: Math.max(0, Math.min(6, digits)),
  });
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}

/** 1 to "1 round", 2 to "2 rounds". */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Nanoseconds in the unit that suits them. */
export function duration(ns: number): string {
  if (ns >= 1e6) return `${figure(ns / 1e6)} ms`;
  return ns >= 1e3 ? `${figure(ns / 1e3)} µs` : `${figure(ns)} ns`;
}

/** 95 to "1 min 35 s". */
export function seconds(value: number): string {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A Markdown table; a column whose heading ends in ":" is aligned to the right, without it. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = headings.map((heading) => heading.endsWith(':'));
  const clean = (cell: string): string => cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: readonly string[]): string => `| ${cells.map(clean).join(' | ')} |`;
  return [
    line(headings.map((heading) => heading.replace(/:$/, ''))),
    `|${right.map((r) => (r ? '---:' : '---')).join('|')}|`,
    ...rows.map(line),
  ].join('\n');
}
