// Time that passes when a test says so, and things to wait for without a fixed sleep.

import assert from 'node:assert/strict';
import type { Time } from '#src/health/time.js';

export interface FakeTime extends Time {
  /** Lets so many milliseconds pass: timers run in order, each with its promises settled before the next. */
  advance(ms: number): Promise<void>;
  /** Nobody runs for so long: timers that fell due meanwhile run late. */
  freeze(ms: number): void;
  /** Timers that wait. */
  pending(): number;
}

export function createFakeTime(): FakeTime {
  let now = 1000;
  let goal = now;
  let order = 0;
  const timers = new Map<number, { readonly due: number; readonly run: () => void }>();

  function next(moment: number): number | undefined {
    let first: number | undefined;
    for (const [id, timer] of timers) {
      if (timer.due <= moment && (first === undefined || timer.due < (timers.get(first)?.due ?? 0)))
        first = id;
    }
    return first;
  }

  return {
    now: () => now,
    after(ms, run) {
      const id = order++;
      timers.set(id, { due: now + ms, run });
      return () => timers.delete(id);
    },
    turn(run) {
      setImmediate(run);
    },
    async advance(ms) {
      goal = now + ms;
      await settled();
      for (let id = next(goal); id !== undefined; id = next(goal)) {
        const timer = timers.get(id);
        timers.delete(id);
        now = Math.max(now, timer?.due ?? now);
        timer?.run();
        await settled();
      }
      now = goal;
    },
    freeze(ms) {
      now += ms;
      goal += ms;
    },
    pending: () => timers.size,
  };
}

/** Promises that can settle have, and what they started. */
export async function settled(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something true, for two seconds unless told. */
export async function until(what: () => boolean, message: string, timeoutMs: number = 2000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!what()) {
    assert.ok(performance.now() < deadline, message);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
