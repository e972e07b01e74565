// Figures of this page: a number and its unit, apart, so that the unit can be small. Pure.

import { formatCount, formatLatency, formatRate, formatSeconds } from '../api/units.ts';

/** What stands where nothing was measured. */
export const NONE = '–';

export interface Figure {
  readonly value: string;
  readonly unit: string;
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function bytes(value: number | null): Figure {
  if (value === null) return { value: NONE, unit: 'B' };
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 99.5 ? 0 : scaled >= 9.95 ? 1 : 2;
  return { value: scaled.toFixed(digits), unit: BYTE_UNITS[unit] ?? 'B' };
}

export function perSecond({ value, unit }: Figure): Figure {
  return { value, unit: `${unit}/s` };
}

export function rate(value: number | null): Figure {
  return { value: value === null ? NONE : formatRate(value), unit: '/s' };
}

export function count(value: number | null): Figure {
  return { value: value === null ? NONE : formatCount(value), unit: '' };
}

/** `1.2ms` as 1.2 and ms. */
export function latency(seconds: number | null): Figure {
  if (seconds === null) return { value: NONE, unit: 'ms' };
  const [, value = NONE, unit = ''] = /^([\d.]+)(.*)$/.exec(formatLatency(seconds)) ?? [];
  return { value, unit };
}

export function text({ value, unit }: Figure): string {
  if (value === NONE || unit === '') return value;
  return unit.startsWith('/') ? `${value}${unit}` : `${value}\u00a0${unit}`;
}

export function age(seconds: number): string {
  return formatSeconds(Math.max(0, seconds));
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}
