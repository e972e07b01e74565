// Keeps things that repeat from filling a log: of one kind, a line is told at once and then at most one per period,
// with the number of those in between. Knows keys and times, not what is told.

export interface LimiterClock {
  /** Runs once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** `suppressed` is how many like it were not told before it, 0 mostly. */
export type Tell = (suppressed: number) => void;

export interface Limiter {
  /**
   * Tells now, or at the end of the period when one of this kind was told less than `perMs` ago; of several that come
   * meanwhile, the last one is told.
   */
  offer(key: string, perMs: number, tell: Tell): void;
  /** Tells what still waits, and forgets all kinds. */
  flush(): void;
}

interface Kind {
  last: Tell | undefined;
  /** That came since the last line, `last` included. */
  count: number;
  cancel: () => void;
}

/** Kinds at once; beyond it all others share one. */
const MOST_KINDS = 1000;
const OTHERS = '\0others';

const systemClock: LimiterClock = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export function createLimiter(clock: LimiterClock = systemClock): Limiter {
  const kinds = new Map<string, Kind>();

  function open(key: string, perMs: number): void {
    const kind: Kind = { last: undefined, count: 0, cancel: () => undefined };
    kind.cancel = clock.after(perMs, () => close(key, perMs));
    kinds.set(key, kind);
  }

  function close(key: string, perMs: number): void {
    const kind = kinds.get(key);
    kinds.delete(key);
    if (kind?.last === undefined) return;
    open(key, perMs);
    kind.last(kind.count - 1);
  }

  return {
    offer(key, perMs, tell) {
      const name = kinds.has(key) || kinds.size < MOST_KINDS ? key : OTHERS;
      const kind = kinds.get(name);
      if (kind === undefined) {
        open(name, perMs);
        tell(0);
        return;
      }
      kind.last = tell;
      kind.count += 1;
    },
    flush() {
      for (const kind of kinds.values()) {
        kind.cancel();
        kind.last?.(kind.count - 1);
      }
      kinds.clear();
    },
  };
}
