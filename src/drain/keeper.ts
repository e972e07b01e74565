// All that ends sessions of a running balancer for other reasons than their own, put together once for the command line
// and for programs: drains of backends and listeners, maintenance, rebalancing.

import type { Balancer, BalancerLog } from '../balancer.ts';
import type { Config } from '../config/config.ts';
import { createMaintenance } from './maintenance.ts';
import type { EngineEvent } from '../engine/engine.ts';
import type { Time } from '../health/time.ts';
import type { OverrideStore } from '../overrides.ts';
import { createDrains, type Drains } from './drains.ts';
import { createListenerHolds, type ListenerHolds } from './listener-holds.ts';
import { createRebalancer } from './rebalancer.ts';

export interface DrainKeeperParts {
  /** Asked when it is needed: it may not be made yet. */
  readonly core: () => Balancer;
  readonly store: Pick<OverrideStore, 'list'>;
  readonly log: BalancerLog;
  readonly time: Time;
}

export interface DrainKeeper {
  readonly drains: Drains;
  readonly holds: ListenerHolds;
  onEvents(events: readonly EngineEvent[]): void;
  /** Another config is in force. */
  onConfig(before: Config, after: Config): void;
  close(): void;
}

export function createDrainKeeper({ core, store, log, time }: DrainKeeperParts): DrainKeeper {
  const lazy: Pick<Balancer, 'config' | 'engine' | 'slots' | 'health' | 'state' | 'snapshot'> = {
    config: () => core().config(),
    engine: () => core().engine(),
    get slots() {
      return core().slots;
    },
    health: () => core().health(),
    state: () => core().state(),
    snapshot: () => core().snapshot(),
  };
  const holds = createListenerHolds();
  const drains = createDrains({
    core: lazy,
    isHeld: (target) =>
      target.kind === 'listener'
        ? holds.isHeld(target.listener)
        : store
            .list()
            .some(
              (change) =>
                change.field === 'hold' && change.pool === target.pool && change.backend === target.backend,
            ),
    log,
    time,
  });
  const maintenance = createMaintenance(lazy, store);
  const rebalancer = createRebalancer({ core: lazy, log, time });

  return {
    drains,
    holds,
    onEvents(events) {
      if (!events.some(({ type }) => type === 'applied')) return;
      maintenance.endSessions();
      drains.onApplied();
      rebalancer.onApplied();
    },
    onConfig(before, after) {
      holds.settle(after);
      drains.onConfig(before, after);
    },
    close() {
      drains.close();
      rebalancer.close();
    },
  };
}
