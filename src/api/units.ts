// Figures for people, short: three digits and a unit. Pure.

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

/** A rate: small ones keep a decimal, so that one in ten seconds is not none. */
export function formatRate(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : formatCount(value);
}

/** How long a turn took: `85µs`, `0.9ms`, `120ms`, `1.5s`. */
export function formatLatency(seconds: number): string {
  if (seconds < 0.000_995) return `${(seconds * 1e6).toFixed(0)}µs`;
  if (seconds < 0.009_95) return `${(seconds * 1000).toFixed(1)}ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)}ms`;
  return formatSeconds(seconds);
}
