// Looks at the pools that are to be rebalanced once a second, and orders the ends that the policy asks for. An order is
// good until the next look and no longer, so nothing goes on if nobody looks.

import { type Memory, noteMembers, type PoolLoad, rebalance, type Verdict } from '../balance/rebalance.ts';
import type { Balancer, BalancerLog } from '../balancer.ts';
import type { Pool } from '../config/config.ts';
import type { Counters, PoolSpec } from '../engine/engine.ts';
import type { Time } from '../health/time.ts';

export interface RebalancerParts {
  readonly core: Pick<Balancer, 'config' | 'engine' | 'slots' | 'health' | 'state' | 'snapshot'>;
  readonly log: BalancerLog;
  readonly time: Time;
}

export interface Rebalancer {
  /** A snapshot is in force: who has left is noticed, and where there is something to look at it begins to look. */
  onApplied(): void;
  close(): void;
}

const LOOK_EVERY_MS = 1000;
/** A backend's orders come within a look: its last one is due well before the next. */
const HASTE = 1.25;

const WORDS: Readonly<Record<Verdict, string>> = {
  even: 'loads agree',
  spent: 'as many were ended as it may take; clients go where the policy sends them',
  stuck: 'no session was idle for long enough, or clients did not come back',
  left: 'too few backends are up',
};

export function createRebalancer({ core, log, time }: RebalancerParts): Rebalancer {
  const memories = new Map<string, Memory>();
  let cancel: (() => void) | undefined;
  let closed = false;

  function wanted(): readonly Pool[] {
    return core.config().pools.filter((pool) => pool.rebalance.enabled);
  }

  function wake(): void {
    if (closed || cancel !== undefined || wanted().length === 0) return;
    cancel = time.after(LOOK_EVERY_MS, () => {
      cancel = undefined;
      look();
      wake();
    });
  }

  function onApplied(): void {
    if (closed || wanted().length === 0) return;
    eachPool((pool, load) => {
      const memory = memories.get(pool.name);
      if (memory === undefined) step(pool, load);
      else memories.set(pool.name, noteMembers(memory, load));
    });
    wake();
  }

  function look(): void {
    const names = new Set(wanted().map(({ name }) => name));
    for (const name of memories.keys()) if (!names.has(name)) memories.delete(name);
    eachPool(step);
  }

  function eachPool(visit: (pool: Pool, load: PoolLoad) => void): void {
    const snapshot = core.snapshot();
    if (snapshot === undefined || core.state().phase !== 'serving') return;
    const counters = core.engine().read();
    const down = new Set(
      core
        .health()
        .filter(({ up }) => !up)
        .map(({ pool, backend }) => nameOf(pool, backend)),
    );
    for (const pool of wanted()) {
      const spec = snapshot.pools.find(({ name }) => name === pool.name);
      if (spec !== undefined) visit(pool, loadOf(spec, counters, down));
    }
  }

  function step(pool: Pool, load: PoolLoad): void {
    const { rate, idle } = pool.rebalance;
    const before = memories.get(pool.name);
    const { memory, ends, began, over } = rebalance(before, load, pool.rebalance, LOOK_EVERY_MS / 1000);
    memories.set(pool.name, memory);
    const fields = { pool: pool.name };
    if (began)
      log.info(`pool ${pool.name}: a backend has joined; idle sessions move, ${rate} a second at most`, {
        event: 'rebalance-started',
        ...fields,
      });
    if (over !== undefined) {
      const ended = (before?.episode?.ended ?? 0) + load.rebalanced - (before?.rebalanced ?? 0);
      log.info(`pool ${pool.name}: rebalanced, ${ended} sessions were ended: ${WORDS[over]}`, {
        event: 'rebalance-ended',
        ...fields,
        ended,
        why: over,
      });
    }
    for (const { slot, count } of ends) {
      core.engine().shed({
        scope: 'backend',
        slot,
        first: 'idle',
        rate: (count * HASTE * 1000) / LOOK_EVERY_MS,
        even: false,
        idleMs: idle,
        most: count,
        deadlineMs: 0,
        lifetimeMs: LOOK_EVERY_MS,
        reason: 'rebalanced',
      });
    }
  }

  function loadOf(spec: PoolSpec, counters: Counters, down: ReadonlySet<string>): PoolLoad {
    const bySlot = new Map(counters.backends.map((each) => [each.slot, each]));
    const ours = spec.backends.map(({ slot, weight }) => ({ slot, weight, counted: bySlot.get(slot) }));
    const members = spec.plan.members.flatMap((at) => ours[at] ?? []);
    const isDown = (slot: number): boolean => {
      const named = core.slots.backendName(slot);
      return named !== undefined && down.has(nameOf(named.pool, named.backend));
    };
    return {
      members: members.map(({ slot, weight, counted }) => ({
        slot,
        weight: Math.max(1, weight),
        sessions: Number(counted?.active ?? 0n),
      })),
      // A member that is down is one only because health is not believed.
      panic: members.some(({ slot }) => isDown(slot)),
      opened: ours.reduce((all, { counted }) => all + Number(counted?.sessions ?? 0n), 0),
      rebalanced: ours.reduce((all, { counted }) => all + Number(counted?.rebalanced ?? 0n), 0),
    };
  }

  return {
    onApplied,
    close() {
      closed = true;
      cancel?.();
    },
  };
}

function nameOf(pool: string, backend: string): string {
  return JSON.stringify([pool, backend]);
}
