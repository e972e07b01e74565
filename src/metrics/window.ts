// What went on within the last seconds, from counters that only ever grow: readings are kept for as long as the widest
// window is, and the oldest one that a window reaches is taken from the newest. Real times are used, so that a process
// that was held up tells the average over what has really passed. Knows what is counted, not where it is read.

/** Cumulative counts of one listener. */
export interface Totals {
  readonly turns: bigint;
  readonly closed: bigint;
  /** Of `closed`, those that were errors. */
  readonly errors: bigint;
}

export interface Rates {
  readonly turnsPerSecond: number;
  /** 0 to 1; 0 when nothing was closed. */
  readonly errorShare: number;
}

/** By listener. */
export type Reading = ReadonlyMap<string, Totals>;

export interface Windows {
  /** Remembers it. Times are monotonic milliseconds and never go back. */
  add(now: number, reading: Reading): void;
  /** As of now, this being the newest reading. Every listener in it has an answer. */
  rates(now: number, reading: Reading): ReadonlyMap<string, Rates>;
}

export const TURNS_WINDOW_MS = 10_000;
export const ERRORS_WINDOW_MS = 60_000;
/** A reading is taken this often. */
export const READ_EVERY_MS = 2000;
/** A first answer sooner than this after the start is no rate yet. */
const SHORTEST_MS = 1000;

const NOTHING: Totals = { turns: 0n, closed: 0n, errors: 0n };

export function createWindows(): Windows {
  let kept: { readonly at: number; readonly reading: Reading }[] = [];

  /** The newest reading that is as old as the window, or else the oldest there is. */
  function base(
    now: number,
    windowMs: number,
  ): { readonly at: number; readonly reading: Reading } | undefined {
    return kept.findLast(({ at }) => at <= now - windowMs) ?? kept[0];
  }

  return {
    add(now, reading) {
      kept.push({ at: now, reading });
      const first = kept.findLastIndex(({ at }) => at <= now - ERRORS_WINDOW_MS);
      if (first > 0) kept = kept.slice(first);
    },
    rates(now, reading) {
      const forTurns = base(now, TURNS_WINDOW_MS);
      const forErrors = base(now, ERRORS_WINDOW_MS);
      const rates = new Map<string, Rates>();
      for (const [listener, current] of reading) {
        const seconds = Math.max(now - (forTurns?.at ?? now), SHORTEST_MS) / 1000;
        const turns = growth(current.turns, forTurns?.reading.get(listener)?.turns);
        const before = forErrors?.reading.get(listener) ?? NOTHING;
        const closed = growth(current.closed, before.closed);
        rates.set(listener, {
          turnsPerSecond: turns / seconds,
          errorShare: closed === 0 ? 0 : growth(current.errors, before.errors) / closed,
        });
      }
      return rates;
    },
  };
}

/** A listener that was away and has come back counts from 0 again. */
function growth(now: bigint, before: bigint = 0n): number {
  return Number(now >= before ? now - before : now);
}
