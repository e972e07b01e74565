// Drains of backends and listeners, of those held back and of those that a reload has removed: what is wanted of each,
// when it began, how many are left. Orders go to the data plane once it sends nobody there any more, and are taken back
// when it does again. Bounded: one for each listener and backend.

import type { Balancer, BalancerLog } from '../balancer.ts';
import type { Config, DrainSettings } from '../config/config.ts';
import type { Counters } from '../engine/engine.ts';
import type { Time } from '../health/time.ts';
import { backendKey } from '../snapshot/build.ts';
import { seconds } from './leave.ts';
import { createProgress, type Progress } from './progress.ts';
import { type DrainWish, orderOf, PATIENT, sayWish } from './wish.ts';

export type DrainTarget =
  | { readonly kind: 'listener'; readonly listener: string }
  | { readonly kind: 'backend'; readonly pool: string; readonly backend: string };

export interface DrainState {
  readonly wish: DrainWish;
  /** Monotonic, as of `Time`. */
  readonly since: number;
  /** Undefined: none. */
  readonly deadline: number | undefined;
  readonly atStart: number;
  /** Nobody is left. */
  readonly done: boolean;
}

export interface DrainsParts {
  readonly core: Pick<Balancer, 'config' | 'engine' | 'slots'>;
  /** Whether it is held back, as far as it is configured. */
  readonly isHeld: (target: DrainTarget) => boolean;
  readonly log: BalancerLog;
  readonly time: Time;
}

export interface Drains {
  /**
   * Of something that is held back; takes the place of one before. Whoever is not told at once that nobody is sent there
   * any more calls `onApplied`.
   */
  begin(target: DrainTarget, wish: DrainWish): void;
  /** A snapshot is in force with every worker. */
  onApplied(): void;
  /** Another config is in force: what it has removed may be drained. */
  onConfig(before: Config, after: Config): void;
  of(target: DrainTarget): DrainState | undefined;
  close(): void;
}

const LOOK_EVERY_MS = 1000;

interface Entry extends DrainState {
  readonly target: DrainTarget;
  readonly progress: Progress;
  ordered: boolean;
  done: boolean;
}

export function createDrains({ core, isHeld, log, time }: DrainsParts): Drains {
  const entries = new Map<string, Entry>();
  let cancel: (() => void) | undefined;

  function begin(target: DrainTarget, wish: DrainWish): void {
    const since = time.now();
    const atStart = sessionsOn(target, core.engine().read());
    const deadline = wish.timeout === 0 ? undefined : since + wish.timeout;
    const progress = createProgress(atStart, since);
    entries.set(nameOf(target), {
      target,
      wish,
      since,
      deadline,
      atStart,
      progress,
      ordered: false,
      done: false,
    });
    log.info(`${say(target)} drains: ${atStart} sessions are open; ${sayWish(wish, Date.now())}`, {
      event: 'drain-started',
      ...target,
      sessions: atStart,
    });
    watch();
  }

  function slotOf(target: DrainTarget): number | undefined {
    if (target.kind === 'listener')
      return core.slots.listeners().find(({ name }) => name === target.listener)?.slot;
    return core.slots
      .backends()
      .find(({ pool, backend }) => pool === target.pool && backend === target.backend)?.slot;
  }

  function sessionsOn(target: DrainTarget, counters: Counters): number {
    const slot = slotOf(target);
    const all = target.kind === 'listener' ? counters.listeners : counters.backends;
    return Number(all.find((each) => each.slot === slot)?.active ?? 0n);
  }

  function order(target: DrainTarget, wish: DrainWish): void {
    const slot = slotOf(target);
    if (slot !== undefined) core.engine().shed(orderOf(target.kind, slot, wish));
  }

  function onApplied(): void {
    if (entries.size === 0) return;
    const configured = namesIn(core.config());
    for (const [name, entry] of entries) {
      if (configured.has(name) && !isHeld(entry.target)) {
        entries.delete(name);
        if (entry.ordered) order(entry.target, PATIENT);
        log.info(`${say(entry.target)} is in use again`, { event: 'drain-taken-back', ...entry.target });
      } else if (!entry.ordered) {
        entry.ordered = true;
        order(entry.target, entry.wish);
      }
    }
  }

  function onConfig(before: Config, after: Config): void {
    if (after.drain.removed !== 'drain') return;
    const kept = namesIn(after);
    for (const [name, target] of targetsIn(before)) {
      if (kept.has(name) || slotOf(target) === undefined) continue;
      if (sessionsOn(target, core.engine().read()) > 0) begin(target, wishOf(after.drain));
    }
    onApplied(); // what is removed is so with every worker by now
  }

  /** Looks at all of them once a second, while there are any with sessions. */
  function watch(): void {
    cancel ??= time.after(LOOK_EVERY_MS, look);
  }

  function look(): void {
    cancel = undefined;
    const counters = core.engine().read();
    const configured = namesIn(core.config());
    for (const [name, entry] of entries) {
      if (entry.done) continue;
      const left = sessionsOn(entry.target, counters);
      if (left === 0 && entry.ordered) {
        entry.done = true;
        log.info(`${say(entry.target)} is drained, after ${seconds(time.now() - entry.since)}`, {
          event: 'drain-ended',
          ...entry.target,
        });
        if (!configured.has(name)) entries.delete(name);
      } else if (entry.progress.look(left, time.now())) {
        log.info(`${say(entry.target)} drains: ${left} of ${entry.atStart} sessions are left`, {
          event: 'drain-progress',
          ...entry.target,
          left,
        });
      }
    }
    if ([...entries.values()].some(({ done }) => !done)) watch();
  }

  return {
    begin,
    onApplied,
    onConfig,
    of: (target) => entries.get(nameOf(target)),
    close: () => cancel?.(),
  };
}

function wishOf({ timeout, rate, order, idle }: DrainSettings): DrainWish {
  return { timeout, rate, order, idle };
}

function targetsIn({ listeners, pools }: Config): Map<string, DrainTarget> {
  const all: DrainTarget[] = [
    ...listeners.map(({ name }): DrainTarget => ({ kind: 'listener', listener: name })),
    ...pools.flatMap(({ name, backends }) =>
      backends.map((backend): DrainTarget => ({ kind: 'backend', pool: name, backend: backendKey(backend) })),
    ),
  ];
  return new Map(all.map((target) => [nameOf(target), target]));
}

function namesIn(config: Config): ReadonlySet<string> {
  return new Set(targetsIn(config).keys());
}

function nameOf(target: DrainTarget): string {
  return JSON.stringify(target.kind === 'listener' ? [target.listener] : [target.pool, target.backend]);
}

function say(target: DrainTarget): string {
  return target.kind === 'listener'
    ? `listener ${target.listener}`
    : `backend ${target.backend} of pool ${target.pool}`;
}
