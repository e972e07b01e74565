// Time as a dependency, so that tests can make it pass at will. Monotonic: the wall clock may jump.

export interface Time {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
  /** Runs when the event loop has looked at its sockets once more. */
  turn(run: () => void): void;
}

/** What a timer can hold: a longer wait would end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemTime: Time = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER));
    return () => clearTimeout(timer);
  },
  turn(run) {
    setImmediate(run);
  },
};
