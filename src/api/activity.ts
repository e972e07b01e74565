// What went on between two answers of /v1/state: rates and latencies of everything by name. Pure. Where there is nothing
// to compare with there is no rate: null, never 0. A counter that went down began anew, and what it shows now has
// happened since.

import { addCounts, quantile } from './quantile.ts';
import { stateOf } from './states.ts';
import type { BackendView, ListenerView, StateView } from './views.ts';

/** Per second; latencies in seconds. */
export interface Rates {
  readonly opened: number | null;
  readonly to_backend_bytes: number | null;
  readonly to_client_bytes: number | null;
  readonly turns: number | null;
  readonly errors: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface ListenerActivity extends Rates {
  readonly name: string;
  readonly listen: readonly string[];
  readonly pool: string;
  readonly sessions: number;
  readonly max_connections: number;
}

export interface BackendActivity extends Rates {
  readonly pool: string;
  readonly backend: string;
  readonly state: ReturnType<typeof stateOf>;
  readonly for_seconds: number;
  readonly sessions: number;
  readonly max_connections: number;
  readonly weight: number;
}

export interface Activity {
  /** Between the two; null where there is one answer only. */
  readonly seconds: number | null;
  readonly total: Rates & { readonly sessions: number };
  readonly listeners: readonly ListenerActivity[];
  readonly backends: readonly BackendActivity[];
}

/** What is compared. `errors` of a backend are connects that failed, of a listener sessions that ended badly. */
interface Counted {
  readonly opened: number;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  readonly errors: number;
  readonly turn_buckets: readonly number[];
}

const UNKNOWN: Rates = {
  opened: null,
  to_backend_bytes: null,
  to_client_bytes: null,
  turns: null,
  errors: null,
  p50: null,
  p99: null,
};

const NOTHING: Counted = { opened: 0, to_backend_bytes: 0, to_client_bytes: 0, errors: 0, turn_buckets: [] };

/** `before` is an earlier answer of the same process; another one's says nothing. */
export function activity(before: StateView | undefined, now: StateView): Activity {
  const comparable = before?.pid === now.pid && before.clock_seconds < now.clock_seconds;
  const base = comparable ? before : undefined;
  const seconds = base === undefined ? null : now.clock_seconds - base.clock_seconds;
  const bounds = now.turn_bounds_seconds;
  const listenersBefore = new Map(base?.listeners.map((each) => [each.name, countListener(each)]));
  const backendsBefore = new Map(base === undefined ? [] : backendsOf(base).map(keyed));

  const growths = now.listeners.map((each) => growth(listenersBefore.get(each.name), countListener(each)));
  const all: Counted = {
    opened: sum(growths, ({ opened }) => opened),
    to_backend_bytes: sum(growths, (each) => each.to_backend_bytes),
    to_client_bytes: sum(growths, (each) => each.to_client_bytes),
    errors: sum(growths, ({ errors }) => errors),
    turn_buckets: addCounts(growths.map((each) => each.turn_buckets)),
  };
  return {
    seconds,
    total: { ...rates(all, seconds, bounds), sessions: sum(now.listeners, ({ sessions }) => sessions) },
    listeners: now.listeners.map((each, at) => ({
      name: each.name,
      listen: each.listen,
      pool: each.pool,
      sessions: each.sessions,
      max_connections: each.max_connections,
      ...rates(growths[at] ?? NOTHING, seconds, bounds),
    })),
    backends: backendsOf(now).map(({ pool, view }) => ({
      pool,
      backend: view.backend,
      state: stateOf(view),
      for_seconds: view.for_seconds,
      sessions: view.sessions,
      max_connections: view.max_connections,
      weight: view.weight,
      ...rates(growth(backendsBefore.get(keyOf(pool, view)), countBackend(view)), seconds, bounds),
    })),
  };
}

function backendsOf({ pools }: StateView): { readonly pool: string; readonly view: BackendView }[] {
  return pools.flatMap(({ name, backends }) => backends.map((view) => ({ pool: name, view })));
}

function keyOf(pool: string, { backend }: BackendView): string {
  return JSON.stringify([pool, backend]);
}

function keyed({ pool, view }: { readonly pool: string; readonly view: BackendView }): [string, Counted] {
  return [keyOf(pool, view), countBackend(view)];
}

function countListener({ accepted: opened, ...view }: ListenerView): Counted {
  const { to_backend_bytes, to_client_bytes, errors, turn_buckets } = view;
  return { opened, to_backend_bytes, to_client_bytes, errors, turn_buckets };
}

function countBackend({
  sessions_opened: opened,
  connect_failures: failures,
  ...view
}: BackendView): Counted {
  const { to_backend_bytes, to_client_bytes, turn_buckets } = view;
  return {
    opened,
    to_backend_bytes,
    to_client_bytes,
    errors: sum(Object.values(failures), (count) => count),
    turn_buckets,
  };
}

function growth(before: Counted = NOTHING, now: Counted): Counted {
  return {
    opened: grown(before.opened, now.opened),
    to_backend_bytes: grown(before.to_backend_bytes, now.to_backend_bytes),
    to_client_bytes: grown(before.to_client_bytes, now.to_client_bytes),
    errors: grown(before.errors, now.errors),
    turn_buckets: now.turn_buckets.map((count, at) => grown(before.turn_buckets[at] ?? 0, count)),
  };
}

function grown(before: number, now: number): number {
  return now >= before ? now - before : now;
}

function rates(counted: Counted, seconds: number | null, bounds: readonly number[]): Rates {
  if (seconds === null) return UNKNOWN;
  const { turn_buckets: buckets } = counted;
  return {
    opened: counted.opened / seconds,
    to_backend_bytes: counted.to_backend_bytes / seconds,
    to_client_bytes: counted.to_client_bytes / seconds,
    turns: sum(buckets, (count) => count) / seconds,
    errors: counted.errors / seconds,
    p50: quantile(bounds, buckets, 0.5),
    p99: quantile(bounds, buckets, 0.99),
  };
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}
