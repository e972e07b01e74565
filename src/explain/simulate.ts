// Many clients against today's config and a changed one: who serves how many, how far that is from what the weights
// say, and who loses his backend by the change. Each client opens one session that stays. Deterministic by seed; pure.

import type { Algorithm, Config, Pool } from '../config/config.ts';
import { backendKey } from '../snapshot/build.ts';
import { bindsClients, type Candidates, candidatesOf } from './candidates.ts';
import { eachClient } from './clients.ts';
import { createRehearsal } from './rehearsal.ts';

export interface BackendLoad {
  /** `host:port`. */
  readonly backend: string;
  readonly weight: number;
  readonly clients: number;
  /** Of all clients, 0 to 1. */
  readonly share: number;
  /** What its weight says. */
  readonly expected: number;
  /** Clients above `max_connections`, which would be sent elsewhere if all were there at once. */
  readonly overLimit: number;
}

export interface Placement {
  readonly algorithm: Algorithm;
  readonly grounds: Candidates['grounds'];
  /** In config order, those that take part. */
  readonly backends: readonly BackendLoad[];
  /** Clients that nobody serves. */
  readonly unserved: number;
  /** The backend that carries most for its weight; undefined when nobody serves. `ratio`: actual share by expected. */
  readonly peak: { readonly backend: string; readonly clients: number; readonly ratio: number } | undefined;
}

export interface Moved {
  readonly clients: number;
  /** 0 to 1. */
  readonly share: number;
  /** What no policy could do without: the shares that weights take from one and give to another. */
  readonly ideal: number;
}

export interface PoolSimulation {
  readonly pool: string;
  /** Undefined for a pool that only the changed config has. */
  readonly before: Placement | undefined;
  /** Undefined without a change, and for a pool that only today's config has. */
  readonly after: Placement | undefined;
  /** Only where clients are bound to backends before and after. */
  readonly moved: Moved | undefined;
}

export interface Simulation {
  readonly clients: number;
  readonly seed: number;
  readonly pools: readonly PoolSimulation[];
}

export interface SimulateInput {
  readonly before: Config;
  /** Another config, and backends (`host:port`) that are down in it; today's config where only those are given. */
  readonly change?: { readonly config: Config; readonly down: ReadonlySet<string> } | undefined;
  readonly clients: number;
  readonly seed: number;
}

export function simulate({ before, change, clients, seed }: SimulateInput): Simulation {
  const after = change?.config;
  const names = [...new Set([...before.pools, ...(after?.pools ?? [])].map((pool) => pool.name))];
  const pools = names.map((name): PoolSimulation => {
    const old = place(named(before, name), new Set(), clients, seed);
    const fresh = place(named(after, name), change?.down ?? new Set(), clients, seed);
    const bound = old !== undefined && fresh !== undefined && old.binds && fresh.binds;
    return {
      pool: name,
      before: old?.placement,
      after: fresh?.placement,
      moved: bound ? movedOf(old, fresh, clients) : undefined,
    };
  });
  return { clients, seed, pools };
}

/** Whether the loads of all members are looked at for each pick: what a simulation costs. */
export function costOf(config: Config, clients: number): number {
  const cost = (pool: Pool): number => (/^least_/.test(pool.algorithm) ? pool.backends.length : 1);
  return config.pools.reduce((sum, pool) => sum + cost(pool) * clients, 0);
}

interface Placed {
  readonly placement: Placement;
  readonly binds: boolean;
  readonly keys: readonly string[];
  /** By client: index into the keys, -1 for nobody. */
  readonly picks: Int32Array;
}

function place(
  pool: Pool | undefined,
  down: ReadonlySet<string>,
  clients: number,
  seed: number,
): Placed | undefined {
  if (pool === undefined) return undefined;
  const found = candidatesOf(pool, undefined, (backend) => down.has(backend));
  const rehearsal = createRehearsal(pool, found, seed);
  const counts = new Map<number, number>();
  const picks = new Int32Array(clients).fill(-1);
  const none: ReadonlySet<number> = new Set();
  eachClient(clients, seed, (client, at) => {
    const index = rehearsal.pick(client, none);
    if (index === undefined) return;
    rehearsal.open(index);
    picks[at] = index;
    counts.set(index, (counts.get(index) ?? 0) + 1);
  });
  const backends = found.candidates.map(({ index, backend, weight, share: expected }): BackendLoad => {
    const served = counts.get(index) ?? 0;
    const limit = pool.backends[index]?.max_connections ?? 0;
    return {
      backend,
      weight,
      clients: served,
      share: served / clients,
      expected,
      overLimit: limit > 0 ? Math.max(0, served - limit) : 0,
    };
  });
  const placement = {
    algorithm: pool.algorithm,
    grounds: found.grounds,
    backends,
    unserved: clients - backends.reduce((sum, each) => sum + each.clients, 0),
    peak: peakOf(backends),
  };
  return { placement, binds: bindsClients(pool), keys: pool.backends.map(backendKey), picks };
}

function peakOf(backends: readonly BackendLoad[]): Placement['peak'] {
  let peak: { backend: string; clients: number; ratio: number } | undefined;
  for (const { backend, clients, share, expected } of backends) {
    const ratio = share / expected;
    if (peak === undefined || ratio > peak.ratio) peak = { backend, clients, ratio };
  }
  return peak;
}

function movedOf(old: Placed, fresh: Placed, clients: number): Moved {
  let moved = 0;
  for (let at = 0; at < clients; at += 1) {
    if (keyOf(old, at) !== keyOf(fresh, at)) moved += 1;
  }
  const expected = new Map(old.placement.backends.map((each) => [each.backend, each.expected]));
  const gains = fresh.placement.backends.map((each) =>
    Math.max(0, each.expected - (expected.get(each.backend) ?? 0)),
  );
  // Where nobody serves afterwards all have lost their backend.
  const ideal =
    fresh.placement.backends.length === 0 && old.placement.backends.length > 0
      ? 1
      : gains.reduce((sum, gain) => sum + gain, 0);
  return { clients: moved, share: moved / clients, ideal };
}

function keyOf({ keys, picks }: Placed, client: number): string | undefined {
  return keys[picks[client] ?? -1];
}

function named(config: Config | undefined, name: string): Pool | undefined {
  return config?.pools.find((pool) => pool.name === name);
}
