// The process drains: goes on accepting for a while if it is to, then the data plane is told all that is wanted of it,
// and does it by itself. What is left here is to say how it goes. Knows no signal and no server.

import type { BalancerLog } from '../balancer.ts';
import type { DrainSettings } from '../config/config.ts';
import { formatDuration } from '../config/duration.ts';
import type { Engine } from '../engine/engine.ts';
import { systemTime, type Time } from '../health/time.ts';
import { createProgress } from './progress.ts';
import { paceOf, sayWish } from './wish.ts';

export interface Leaving {
  /** `delay`: new sessions are still accepted. */
  readonly stage: 'delay' | 'draining';
  /** Monotonic, as of `Time`. */
  readonly since: number;
  readonly atStart: number;
  /** Undefined: no deadline. */
  readonly deadline: number | undefined;
}

export interface LeaveParts {
  readonly engine: Pick<Engine, 'drain' | 'read'>;
  readonly settings: DrainSettings;
  readonly log: BalancerLog;
  readonly time?: Time;
  /** Resolves when it is to be over at once. */
  readonly hurried: Promise<void>;
  /** Resolves when the data plane says so. */
  readonly drained: Promise<void>;
  /** Nothing is accepted from now on. */
  readonly onQuiet: () => void;
  readonly tell: (leaving: Leaving) => void;
  /** How to make it shorter, for people. */
  readonly hint?: string | undefined;
}

const LOOK_EVERY_MS = 1000;

export async function leave(parts: LeaveParts): Promise<void> {
  const { engine, settings, log, time = systemTime, drained } = parts;
  const { delay, timeout } = settings;
  if (delay > 0) {
    const until = time.now() + delay;
    parts.tell({ stage: 'delay', since: time.now(), atStart: openSessions(engine), deadline: until });
    log.info(
      `leaving: told not to be ready, but accepting for another ${formatDuration(delay)}${hinted(parts)}`,
      { event: 'drain-delayed' },
    );
    const cut = await orHurried(parts, (done) => time.after(delay, done));
    if (cut) {
      parts.onQuiet();
      return;
    }
  }
  parts.onQuiet();
  const atStart = openSessions(engine);
  const since = time.now();
  engine.drain(timeout === 0 ? Infinity : timeout, paceOf(settings));
  parts.tell({
    stage: 'draining',
    since,
    atStart,
    deadline: timeout === 0 ? undefined : since + timeout,
  });
  log.info(
    `draining: no new sessions, ${atStart} are open; ${sayWish(settings, Date.now())}${hinted(parts)}`,
    { event: 'drain-started', sessions: atStart },
  );
  const stop = follow({ engine, log, time }, atStart, since);
  await drained;
  stop();
  log.info(`drained after ${seconds(time.now() - since)}`, { event: 'drain-ended' });
}

function follow(
  { engine, log, time }: Pick<LeaveParts, 'engine' | 'log'> & { readonly time: Time },
  atStart: number,
  since: number,
): () => void {
  const progress = createProgress(atStart, since);
  let cancel = (): void => undefined;
  const look = (): void => {
    const left = openSessions(engine);
    if (progress.look(left, time.now()))
      log.info(`draining: ${left} of ${atStart} sessions are left`, { event: 'drain-progress', left });
    cancel = time.after(LOOK_EVERY_MS, look);
  };
  cancel = time.after(LOOK_EVERY_MS, look);
  return () => cancel();
}

/** Whether it was cut short. */
async function orHurried({ hurried }: LeaveParts, wait: (done: () => void) => () => void): Promise<boolean> {
  let cancel = (): void => undefined;
  const waited = new Promise<boolean>((resolve) => (cancel = wait(() => resolve(false))));
  const cut = await Promise.race([hurried.then(() => true), waited]);
  cancel();
  return cut;
}

function hinted({ hint = '' }: LeaveParts): string {
  return hint === '' ? '' : `; ${hint}`;
}

export function openSessions(engine: Pick<Engine, 'read'>): number {
  return engine.read().listeners.reduce((all, { active }) => all + Number(active), 0);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`;
}
