// Takes records from the engine now and then, in batches, and hands them on. While it is off nothing wakes; what it does
// not take in time the data plane drops and counts. Bounded per round, so that records never keep this thread from other
// work for long. Knows neither files nor formats.

import type { EndedSession } from '../engine/engine.ts';

export interface CollectorTime {
  /** Until the answer is called. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void;
  /** Soon, after what waits for this thread now. */
  soon(run: () => void): () => void;
}

export interface CollectorParts {
  take(limit: number): readonly EndedSession[];
  /** Never throws. */
  deliver(sessions: readonly EndedSession[]): void;
  /** What was delivered is not done with yet: more can wait for the next round. */
  isBehind(): boolean;
  readonly time?: CollectorTime;
}

export interface Collector {
  start(): void;
  stop(): void;
  /** All that there is now. */
  collect(): void;
}

export const COLLECT_EVERY_MS = 100;
export const MOST_AT_ONCE = 1024;
/** More than all rings hold: workers that go on adding are not followed for ever. */
const MOST_BATCHES = 512;

const systemTime: CollectorTime = {
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
  soon(run) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  },
};

export function createCollector({ take, deliver, isBehind, time = systemTime }: CollectorParts): Collector {
  let cancelTimer: (() => void) | undefined;
  let cancelMore: (() => void) | undefined;

  /** True when there may be more. */
  function batch(): boolean {
    const sessions = take(MOST_AT_ONCE);
    if (sessions.length > 0) deliver(sessions);
    return sessions.length >= MOST_AT_ONCE;
  }

  function round(): void {
    cancelMore?.();
    cancelMore = batch() && !isBehind() ? time.soon(round) : undefined;
  }

  return {
    start() {
      cancelTimer ??= time.every(COLLECT_EVERY_MS, round);
    },
    stop() {
      cancelTimer?.();
      cancelMore?.();
      cancelTimer = cancelMore = undefined;
    },
    collect() {
      for (let batches = 0; batches < MOST_BATCHES && batch(); batches += 1);
    },
  };
}
