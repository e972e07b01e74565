// What is wanted of a drain, whatever it is a drain of: as data, as the data plane is told it, and in words. Pure.

import type { DrainSettings } from '../config/config.ts';
import { formatDuration } from '../config/duration.ts';
import type { ShedOrder, ShedPace } from '../engine/engine.ts';

/** Times in milliseconds; with neither a timeout nor a rate nobody is ended. */
export type DrainWish = Pick<DrainSettings, 'timeout' | 'rate' | 'order' | 'idle'>;

/** Open sessions may finish, however long they take. */
export const PATIENT: DrainWish = { timeout: 0, rate: 0, order: 'idle', idle: 1000 };

export function paceOf({ rate, order, idle }: DrainWish): ShedPace {
  return {
    first: order,
    rate: rate === 'even' ? 0 : rate,
    even: rate === 'even',
    idleMs: idle,
  };
}

/** Takes the place of whatever was ordered for that slot before. */
export function orderOf(scope: ShedOrder['scope'], slot: number, wish: DrainWish): ShedOrder {
  return {
    scope,
    slot,
    ...paceOf(wish),
    most: 0,
    deadlineMs: wish.timeout,
    lifetimeMs: 0,
    reason: 'drained',
  };
}

/** What becomes of open sessions, as the end of a sentence. `now` is the wall clock's. */
export function sayWish({ timeout, rate, order }: DrainWish, now: number): string {
  const until = timeout === 0 ? undefined : `${clock(now + timeout)} (in ${formatDuration(timeout)})`;
  const whom = order === 'idle' ? 'the longest silent first' : 'the oldest first';
  if (rate === 'even') return `they are ended one after the other until ${until ?? ''}, ${whom}`;
  if (rate > 0) {
    const rest = until === undefined ? '' : `, and the rest at ${until}`;
    return `they are ended from now on, ${rate} a second at most, ${whom}${rest}`;
  }
  return until === undefined ? 'they may finish' : `they may finish until ${until}, then they are ended`;
}

function clock(time: number): string {
  return `${new Date(time).toISOString().slice(11, 19)}Z`;
}
