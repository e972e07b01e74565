// What is told about a running balancer, by name instead of by slot: its state and its counters. Reads, changes nothing.

import type { Balancer as Core } from '../balancer.ts';
import type { Backend, Config, HostPort, Pool } from '../config/config.ts';
import type { BackendCounters, Counters, ListenerCounters, WorkerCounters } from '../engine/engine.ts';
import type { HoldMode, RuntimeChange } from '../overrides.ts';
import { backendKey } from '../snapshot/build.ts';
import type { WeighedBackend } from './weights.ts';

export type Phase = 'idle' | 'starting' | 'serving' | 'draining' | 'stopped';

export interface BackendState {
  /** `host:port` as configured. */
  readonly backend: string;
  /** In rotation as far as health goes. */
  readonly up: boolean;
  /** How the last probe ended: `L4OK`, `L7STS`, `INI` before the first, `OFF` without probes. */
  readonly code: string;
  readonly detail: string;
  /** In force: set at run time, computed, or configured. */
  readonly weight: number;
  /** Undefined when it is not held back. */
  readonly hold: HoldMode | undefined;
  readonly backup: boolean;
  /** Open now. */
  readonly sessions: number;
}

export interface EmbeddedState {
  readonly phase: Phase;
  /** Goes up with every change that all workers have taken; 0 before the first. */
  readonly generation: number;
  readonly reloadFailures: number;
  readonly listeners: readonly {
    readonly name: string;
    readonly listen: readonly HostPort[];
    readonly pool: string;
    readonly sessions: number;
  }[];
  readonly pools: readonly { readonly name: string; readonly backends: readonly BackendState[] }[];
  /** Changes made at run time that are remembered. */
  readonly changes: readonly RuntimeChange[];
}

/** All are cumulative but what is open now; by name. Backends and listeners that a reload removed stay while they count. */
export interface NamedCounters {
  readonly listeners: readonly (ListenerCounters & { readonly listener: string })[];
  readonly backends: readonly (BackendCounters & { readonly pool: string; readonly backend: string })[];
  readonly workers: readonly WorkerCounters[];
  /** Upper bounds in seconds of the buckets that the counters have; the last bucket is +Inf. */
  readonly latencyBounds: readonly number[];
}

export const NO_STATE: Omit<EmbeddedState, 'phase'> = {
  generation: 0,
  reloadFailures: 0,
  listeners: [],
  pools: [],
  changes: [],
};
export const NO_COUNTERS: NamedCounters = { listeners: [], backends: [], workers: [], latencyBounds: [] };

/** What is in force instead of what the config says, as of now. */
export interface Effective {
  readonly weight: (pool: string, backend: Backend) => number;
  readonly changes: readonly RuntimeChange[];
}

export function stateOf(core: Core, phase: Phase, effective: Effective): EmbeddedState {
  const { generation, reloadFailures } = core.state();
  const config = core.config();
  const counters = core.engine().read();
  const health = new Map(core.health().map((each) => [nameOf(each.pool, each.backend), each]));
  const active = activeByBackend(core, counters);
  const holds = new Map<string, HoldMode>();
  for (const change of effective.changes) {
    if (change.field === 'hold') holds.set(nameOf(change.pool, change.backend), change.value);
  }
  const backendState = (pool: Pool, backend: Backend): BackendState => {
    const key = backendKey(backend);
    const name = nameOf(pool.name, key);
    const known = health.get(name);
    return {
      backend: key,
      up: known?.up ?? false,
      code: known?.code ?? 'INI',
      detail: known?.detail ?? '',
      weight: effective.weight(pool.name, backend),
      hold: holds.get(name),
      backup: backend.backup,
      sessions: active.get(name) ?? 0,
    };
  };
  return {
    phase,
    generation,
    reloadFailures,
    listeners: listenersOf(core, config, counters),
    pools: config.pools.map((pool) => ({
      name: pool.name,
      backends: pool.backends.map((backend) => backendState(pool, backend)),
    })),
    changes: effective.changes,
  };
}

function listenersOf(core: Core, config: Config, counters: Counters): EmbeddedState['listeners'] {
  const active = new Map(
    counters.listeners.map((each) => [core.slots.listenerName(each.slot), Number(each.active)]),
  );
  return config.listeners.map(({ name, listen, pool }) => ({
    name,
    listen,
    pool,
    sessions: active.get(name) ?? 0,
  }));
}

export function countersOf(core: Core): NamedCounters {
  const { listeners, backends, workers } = core.engine().read();
  const named = new Map(core.slots.backends().map((each) => [each.slot, each]));
  const listenerNames = new Map(core.slots.listeners().map((each) => [each.slot, each.name]));
  return {
    listeners: listeners.map((each) => ({ ...each, listener: listenerNames.get(each.slot) ?? '' })),
    backends: backends.map((each) => ({
      ...each,
      pool: named.get(each.slot)?.pool ?? '',
      backend: named.get(each.slot)?.backend ?? '',
    })),
    workers,
    latencyBounds: core.engine().latencyBounds,
  };
}

/** Remembers what was counted at the last round, so that means are of the time since. */
export function createWeighing(core: () => Core | undefined): (pool: string) => readonly WeighedBackend[] {
  const before = new Map<string, { readonly turns: bigint; readonly sumNs: bigint }>();
  return (poolName) => {
    const running = core();
    const pool = running?.config().pools.find((each) => each.name === poolName);
    if (running === undefined || pool === undefined) return [];
    const slots = new Map(running.slots.backends().map((each) => [each.slot, each]));
    const counters = new Map<string, BackendCounters>();
    for (const each of running.engine().read().backends) {
      const known = slots.get(each.slot);
      if (known?.pool === poolName) counters.set(known.backend, each);
    }
    const up = new Map(
      running
        .health()
        .filter((each) => each.pool === poolName)
        .map((each) => [each.backend, each.up]),
    );
    for (const name of before.keys()) {
      if (name.startsWith(nameOf(poolName, '')) && !counters.has(name.slice(poolName.length + 1)))
        before.delete(name);
    }
    return pool.backends.map((backend) => {
      const key = backendKey(backend);
      const counted = counters.get(key);
      const name = nameOf(poolName, key);
      const last = before.get(name);
      if (counted !== undefined) before.set(name, { turns: counted.turns, sumNs: counted.turnSumNs });
      const turns = (counted?.turns ?? 0n) - (last?.turns ?? 0n);
      const sumNs = (counted?.turnSumNs ?? 0n) - (last?.sumNs ?? 0n);
      return {
        pool: poolName,
        backend: key,
        host: backend.host,
        port: backend.port,
        configured: backend.weight,
        up: up.get(key) ?? false,
        sessions: Number(counted?.active ?? 0n),
        responseMs: turns > 0n ? Number(sumNs) / Number(turns) / 1e6 : undefined,
      };
    });
  };
}

function activeByBackend(core: Core, counters: Counters): ReadonlyMap<string, number> {
  const named = new Map(core.slots.backends().map((each) => [each.slot, each]));
  const active = new Map<string, number>();
  for (const { slot, active: open } of counters.backends) {
    const known = named.get(slot);
    if (known !== undefined) active.set(nameOf(known.pool, known.backend), Number(open));
  }
  return active;
}

function nameOf(pool: string, backend: string): string {
  return `${pool}\0${backend}`;
}
