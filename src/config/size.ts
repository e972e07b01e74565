// Sizes in bytes as people write them. Every unit is a power of 1024, with or without the `i`: the guide's "8KB" is
// 8192 bytes. Knows no key and no range.

const KIB = 1024;
const MIB = 1024 * KIB;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: KIB, m: MIB, g: 1024 * MIB };
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
  if (bytes > 0 && bytes % MIB === 0) return `${bytes / MIB}MiB`;
  if (bytes > 0 && bytes % KIB === 0) return `${bytes / KIB}KiB`;
  return String(bytes);
}
