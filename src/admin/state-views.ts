// The state of a balancer by name, from what the config says, what the engine counts and what health knows. Reads,
// changes nothing.

import type { Balancer } from '../balancer.ts';
import { formatAddress } from '../config/address.ts';
import type { Backend, Listener, LogLevel, Pool } from '../config/config.ts';
import {
  type BackendCounters,
  CLOSE_REASONS,
  CONNECT_FAILURES,
  type Counters,
  type ListenerCounters,
} from '../engine/engine.ts';
import type { DrainKeeper } from '../drain/keeper.ts';
import type { BackendHealth } from '../health/health.ts';
import { readiness } from '../metrics/readiness.ts';
import { IS_ERROR } from '../metrics/reasons.ts';
import type { OverrideStore } from '../overrides.ts';
import { backendKey, type Overrides } from '../snapshot/build.ts';
import { drainView, leavingView } from './drain-views.ts';
import type { BackendView, Hold, ListenerView, PoolView, StateView } from './operations.ts';
import type { FollowedBackend } from './series.ts';

export interface StateParts {
  readonly balancer: Pick<Balancer, 'config' | 'engine' | 'slots' | 'health' | 'state'>;
  readonly store: Pick<OverrideStore, 'for' | 'list'>;
  readonly keeper: Pick<DrainKeeper, 'drains' | 'holds'>;
  readonly version: string;
  readonly logLevel: LogLevel;
}

/** What views are made of, found by name. */
interface Known {
  readonly listeners: ReadonlyMap<string, ListenerCounters>;
  readonly backends: ReadonlyMap<string, BackendCounters>;
  readonly health: ReadonlyMap<string, BackendHealth>;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly keeper: StateParts['keeper'];
  readonly overrides: Pick<Overrides, 'weight' | 'isHeld'>;
}

export function viewState({ balancer, store, keeper, version, logLevel }: StateParts): StateView {
  const config = balancer.config();
  const counters = balancer.engine().read();
  const readAt = performance.now();
  const health = balancer.health();
  const state = balancer.state();
  const known: Known = {
    ...byName(balancer.slots, counters),
    health: new Map(health.map((each) => [nameOf(each.pool, each.backend), each])),
    holds: holdsOf(store),
    keeper,
    overrides: store.for(config),
  };
  return {
    version,
    pid: process.pid,
    uptime_seconds: Math.round(process.uptime()),
    clock_seconds: readAt / 1000,
    phase: state.phase,
    ...readiness({ phase: state.phase, health }),
    leaving: leavingView(state.leaving, counters),
    generation: state.generation,
    reload_failures: state.reloadFailures,
    log_level: logLevel,
    turn_bounds_seconds: balancer.engine().latencyBounds,
    listeners: config.listeners.map((listener) => viewListener(listener, known)),
    pools: config.pools.map((pool) => viewPool(pool, known, balancer.slots.backends())),
    workers: counters.workers.map((worker, at) => ({
      worker: at,
      sessions: Number(worker.sessions),
      accepted: Number(worker.accepted),
      loops: Number(worker.loops),
      events: Number(worker.events),
      pipes_open: Number(worker.pipesOpen),
      buffer_bytes: Number(worker.bufferBytes),
    })),
  };
}

/** Configured backends and how they stand, in the order of the config. */
export function followedBackends({
  balancer,
  store,
}: Pick<StateParts, 'balancer' | 'store'>): readonly FollowedBackend[] {
  const health = new Map(balancer.health().map((each) => [nameOf(each.pool, each.backend), each.up]));
  const holds = holdsOf(store);
  return balancer.config().pools.flatMap((pool) =>
    pool.backends.map((each) => {
      const backend = backendKey(each);
      const name = nameOf(pool.name, backend);
      return {
        pool: pool.name,
        backend,
        state: holds.get(name) ?? (health.get(name) === true ? 'up' : 'down'),
      };
    }),
  );
}

function byName(slots: Balancer['slots'], counters: Counters): Pick<Known, 'listeners' | 'backends'> {
  const listeners = new Map(counters.listeners.map((each) => [each.slot, each]));
  const backends = new Map(counters.backends.map((each) => [each.slot, each]));
  return {
    listeners: named(slots.listeners(), ({ name }) => name, listeners),
    backends: named(slots.backends(), ({ pool, backend }) => nameOf(pool, backend), backends),
  };
}

function named<N extends { readonly slot: number }, C>(
  all: readonly N[],
  name: (each: N) => string,
  counters: ReadonlyMap<number, C>,
): ReadonlyMap<string, C> {
  const found = new Map<string, C>();
  for (const each of all) {
    const counted = counters.get(each.slot);
    if (counted !== undefined) found.set(name(each), counted);
  }
  return found;
}

function holdsOf(store: Pick<OverrideStore, 'list'>): ReadonlyMap<string, Hold> {
  const holds = new Map<string, Hold>();
  for (const change of store.list()) {
    if (change.field === 'hold') holds.set(nameOf(change.pool, change.backend), change.value);
  }
  return holds;
}

function viewListener(listener: Listener, { listeners, keeper }: Known): ListenerView {
  const counters = listeners.get(listener.name);
  return {
    name: listener.name,
    listen: listener.listen.map(formatAddress),
    pool: listener.pool,
    max_connections: listener.max_connections,
    sessions: Number(counters?.active ?? 0),
    accepted: Number(counters?.accepted ?? 0),
    closed: nonZero(CLOSE_REASONS, counters?.closed),
    to_backend_bytes: Number(counters?.toBackendBytes ?? 0),
    to_client_bytes: Number(counters?.toClientBytes ?? 0),
    spliced_bytes: Number(counters?.splicedBytes ?? 0),
    turns: Number(counters?.turns ?? 0),
    turn_buckets: counters?.turnBuckets.map(Number) ?? [],
    errors: Number(
      counters?.closed.reduce((all, count, at) => (IS_ERROR[at] === true ? all + count : all), 0n) ?? 0,
    ),
    accept_pauses: Number(counters?.acceptPauses ?? 0),
    hold: keeper.holds.isHeld(listener.name) ? 'drain' : null,
    drain: drainView(keeper.drains.of({ kind: 'listener', listener: listener.name })),
  };
}

function viewPool(pool: Pool, known: Known, everNamed: ReturnType<Balancer['slots']['backends']>): PoolView {
  const configured = new Set(pool.backends.map(backendKey));
  // Those that a reload has removed, for as long as somebody is on them.
  const removed = everNamed
    .filter((each) => each.pool === pool.name && !configured.has(each.backend))
    .filter((each) => (known.backends.get(nameOf(pool.name, each.backend))?.active ?? 0n) > 0n);
  return {
    name: pool.name,
    algorithm: pool.algorithm,
    backends: [
      ...pool.backends.map((backend) => viewBackend(pool.name, backendKey(backend), backend, known)),
      ...removed.map(({ backend }) => viewBackend(pool.name, backend, undefined, known)),
    ],
  };
}

function viewBackend(pool: string, key: string, backend: Backend | undefined, known: Known): BackendView {
  const name = nameOf(pool, key);
  const health = known.health.get(name);
  const counters = known.backends.get(name);
  const configuredWeight = backend?.weight ?? 0;
  return {
    backend: key,
    configured: backend !== undefined,
    up: health?.up ?? false,
    code: health?.code ?? '',
    detail: health?.detail ?? '',
    for_seconds: Math.round((health?.forMs ?? 0) / 1000),
    hold: known.holds.get(name) ?? null,
    drain: drainView(known.keeper.drains.of({ kind: 'backend', pool, backend: key })),
    weight: known.overrides.weight(pool, key) ?? configuredWeight,
    configured_weight: configuredWeight,
    backup: backend?.backup ?? false,
    max_connections: backend?.max_connections ?? 0,
    sessions: Number(counters?.active ?? 0),
    sessions_opened: Number(counters?.sessions ?? 0),
    connect_failures: nonZero(CONNECT_FAILURES, counters?.failures),
    retries: Number(counters?.retries ?? 0),
    to_backend_bytes: Number(counters?.toBackendBytes ?? 0),
    to_client_bytes: Number(counters?.toClientBytes ?? 0),
    turn_buckets: counters?.turnBuckets.map(Number) ?? [],
    mean_turn_seconds: mean(counters?.turnSumNs, counters?.turns),
    mean_connect_seconds: mean(counters?.connectSumNs, counters?.connects),
  };
}

function nonZero(names: readonly string[], counts: readonly bigint[] = []): Record<string, number> {
  const told = names.map((name, at) => [name, Number(counts[at] ?? 0n)] as const);
  return Object.fromEntries(told.filter(([, count]) => count > 0));
}

function mean(sumNs: bigint = 0n, count: bigint = 0n): number | null {
  return count === 0n ? null : Number(sumNs) / Number(count) / 1e9;
}

function nameOf(pool: string, backend: string): string {
  return JSON.stringify([pool, backend]);
}
