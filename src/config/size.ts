// Sizes in bytes as people write them. Every unit is a power of 1024, with or without the `i`: the guide's "8KB" is
// 8192 bytes. Knows no key and no range.

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const FORM = /^(\d{1,16}) ?(?:([kmg])(?:i?b)?|b)?$/i;

/** What a size looks like as text, as a JSON Schema pattern. */
export const SIZE_PATTERN = '^[0-9]+ ?([kKmMgG]([iI]?[bB])?|[bB])?$';

/** Whole bytes; undefined for what is not a size. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const [, digits, unit] = FORM.exec(value.trim()) ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * (UNITS[(unit ?? '').toLowerCase()] ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** For people: `8KiB`, `1MiB`, `1000`. Parses to the same. */
export function formatSize(bytes: number): string {
  if (bytes > 0 && bytes % UNITS['m']! === 0) return `${bytes / UNITS['m']!}MiB`;
  if (bytes > 0 && bytes % UNITS['k']! === 0) return `${bytes / UNITS['k']!}KiB`;
  return String(bytes);
}
