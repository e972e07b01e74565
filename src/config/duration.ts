// Times as people write them, to milliseconds and back. A bare number is seconds. Knows no key and no range.

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const FORM = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h)$/;

/** What a time looks like, as a JSON Schema pattern. */
export const DURATION_PATTERN = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$';

/**
 * Whole milliseconds, rounded; undefined for what is not a time. Anything above nothing is at least a millisecond, so
 * that a small time never turns into the 0 that means off.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return wholeMilliseconds(value * 1000);
  if (typeof value !== 'string') return undefined;
  const [, digits, unit] = FORM.exec(value.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return wholeMilliseconds(Number(digits) * (UNITS[unit] ?? NaN));
}

/** The shortest spelling without a fraction that parses to the same: `0`, `250ms`, `90s`, `2h`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  for (const unit of ['h', 'm', 's']) {
    const size = UNITS[unit] ?? NaN;
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

function wholeMilliseconds(ms: number): number | undefined {
  if (!Number.isFinite(ms) || ms < 0) return undefined;
  return ms > 0 ? Math.max(1, Math.round(ms)) : 0;
}
