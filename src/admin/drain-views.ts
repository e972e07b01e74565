// What drains look like in the state: how long they have gone on, how many are left, when they end. Reads, changes nothing.

import type { DrainState } from '../drain/drains.ts';
import type { Leaving } from '../drain/leave.ts';
import type { Counters } from '../engine/engine.ts';
import { systemTime } from '../health/time.ts';
import type { DrainView, LeavingView } from './operations.ts';

export function drainView(drain: DrainState | undefined): DrainView | null {
  if (drain === undefined) return null;
  const now = systemTime.now();
  return {
    since_seconds: rounded(now - drain.since),
    sessions_at_start: drain.atStart,
    ends_in_seconds: left(drain.deadline, now),
    rate: drain.wish.rate,
    order: drain.wish.order,
    done: drain.done,
  };
}

export function leavingView(leaving: Leaving | undefined, counters: Counters): LeavingView | null {
  if (leaving === undefined) return null;
  const now = systemTime.now();
  return {
    stage: leaving.stage,
    since_seconds: rounded(now - leaving.since),
    sessions_at_start: leaving.atStart,
    sessions: counters.listeners.reduce((all, { active }) => all + Number(active), 0),
    ends_in_seconds: left(leaving.deadline, now),
  };
}

function left(deadline: number | undefined, now: number): number | null {
  return deadline === undefined ? null : rounded(Math.max(0, deadline - now));
}

function rounded(ms: number): number {
  return Math.round(ms / 100) / 10;
}
