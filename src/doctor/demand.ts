// What a config may ask of its host at worst, in numbers: workers, sessions, where they go. Pure. A listener without a
// limit is bounded by descriptors alone, and is counted with as many sessions as those allow.

import type { Backend, Config, Listener, Pool } from '../config/config.ts';
import { backendKey, workerCount } from '../snapshot/build.ts';
import * as cost from './costs.ts';
import type { HostFacts } from './facts.ts';

export interface BackendDemand {
  readonly key: string;
  readonly host: string;
  readonly pool: string;
  /** Sessions on it when every backend serves its share. */
  readonly share: number;
  /** Sessions on it when it is the only one left. */
  readonly alone: number;
  /** Connections kept ready to it, over all workers. */
  readonly warm: number;
}

export interface Demand {
  readonly workers: number;
  /** CPUs that workers are pinned to, empty where they are not. */
  readonly pinned: readonly number[];
  readonly sessionsOf: ReadonlyMap<Listener, number>;
  /** Over all listeners. */
  readonly sessions: number;
  readonly unlimited: readonly Listener[];
  readonly backends: readonly BackendDemand[];
  readonly warm: number;
  /** Descriptors that one table can hold, undefined where that is not known; Infinity where there is no limit. */
  readonly tableSize: number | undefined;
  /** Sessions that descriptors allow, likewise. */
  readonly sessionsByDescriptors: number | undefined;
  /** Descriptors of one table before the first session. */
  readonly descriptorsBefore: number;
}

function pinnedCpus(config: Config, facts: HostFacts, workers: number): readonly number[] {
  if (config.cpu_affinity === 'off') return [];
  const cpus =
    config.cpu_affinity === 'auto' ? (facts.process.cpus ?? facts.cpus.online ?? []) : config.cpu_affinity;
  return cpus.slice(0, workers);
}

function warmOf(pool: Pool): number {
  return Math.max(pool.connection_pool.min_size, pool.connection_pool.max_size);
}

/** The limit that counts: Node raises the soft one to the hard one at its start, a running process has what it has. */
function tableSize(facts: HostFacts): number | undefined {
  const limit = facts.process.descriptors;
  if (limit === undefined) return undefined;
  return facts.process.pid === undefined ? limit.hard : limit.soft;
}

function descriptorsBefore(config: Config, workers: number, warm: number): number {
  const tables = cost.DESCRIPTOR_TABLES === 'worker' ? workers : 1;
  const addresses = config.listeners.reduce((sum, listener) => sum + listener.listen.length, 0);
  const splices = config.listeners.some((listener) => listener.splice !== 'off');
  const pipes = splices ? cost.IDLE_PIPES_PER_WORKER * cost.DESCRIPTORS_PER_PIPE : 0;
  const perWorker = cost.WORKER_DESCRIPTORS + addresses * cost.DESCRIPTORS_PER_LISTENING_SOCKET + pipes;
  return cost.PROCESS_DESCRIPTORS + Math.ceil((perWorker * workers + warm) / tables);
}

/** The kernel deals connections out by hash, so that of several tables one fills up before the others. */
export function evenTables(sessions: number, tables: number): number {
  if (tables === 1) return sessions;
  const mean = sessions / tables;
  return Math.ceil(mean + 4 * Math.sqrt(mean * (1 - 1 / tables)));
}

function sessionsIn(table: number, before: number, workers: number): number {
  const each = Math.max(0, Math.floor((table - before) / cost.DESCRIPTORS_PER_SESSION));
  if (cost.DESCRIPTOR_TABLES === 'process' || !Number.isFinite(each)) return each;
  // The largest number whose fullest table still fits.
  let sessions = each * workers;
  while (sessions > 0 && evenTables(sessions, workers) > each)
    sessions -= Math.max(1, Math.floor(sessions / 1000));
  return sessions;
}

function cap(sessions: number, backend: Backend): number {
  return backend.max_connections > 0 ? Math.min(sessions, backend.max_connections) : sessions;
}

function backendDemands(pool: Pool, sessions: number): readonly BackendDemand[] {
  const inRotation = pool.backends.filter((backend) => !backend.backup && backend.weight > 0);
  const weights = inRotation.reduce((sum, backend) => sum + backend.weight, 0);
  return pool.backends.map((backend) => ({
    key: backendKey(backend),
    host: backend.host,
    pool: pool.name,
    share: inRotation.includes(backend) ? cap(Math.ceil((sessions * backend.weight) / weights), backend) : 0,
    alone: backend.weight > 0 ? cap(sessions, backend) : 0,
    warm: warmOf(pool),
  }));
}

/** Two pools may share a backend: local ports are counted by address, not by pool. */
function merged(demands: readonly BackendDemand[]): readonly BackendDemand[] {
  const byKey = new Map<string, BackendDemand>();
  for (const demand of demands) {
    const before = byKey.get(demand.key);
    byKey.set(
      demand.key,
      before === undefined
        ? demand
        : {
            ...before,
            pool: `${before.pool}, ${demand.pool}`,
            share: before.share + demand.share,
            alone: before.alone + demand.alone,
            warm: before.warm + demand.warm,
          },
    );
  }
  return [...byKey.values()];
}

/** Listeners without a limit share what descriptors leave for them. */
function sessionsByListener(config: Config, most: number | undefined): ReadonlyMap<Listener, number> {
  const limited = config.listeners.reduce((sum, listener) => sum + listener.max_connections, 0);
  const unlimited = config.listeners.filter((listener) => listener.max_connections === 0).length;
  const rest = most === undefined || !Number.isFinite(most) ? 0 : Math.max(0, most - limited);
  return new Map(
    config.listeners.map((listener) => [
      listener,
      listener.max_connections > 0 ? listener.max_connections : Math.floor(rest / unlimited),
    ]),
  );
}

export function demandOf(config: Config, facts: HostFacts): Demand {
  const workers = workerCount(config, facts.process.cpus ?? facts.cpus.online ?? [0], cost.MOST_WORKERS);
  const warm = config.pools.reduce((sum, pool) => sum + warmOf(pool) * pool.backends.length, 0);
  const before = descriptorsBefore(config, workers, warm);
  const table = tableSize(facts);
  const most = table === undefined ? undefined : sessionsIn(table, before, workers);
  const sessionsOf = sessionsByListener(config, most);
  const demands = config.pools.flatMap((pool) => {
    const served = config.listeners.filter((listener) => listener.pool === pool.name);
    return backendDemands(
      pool,
      served.reduce((sum, listener) => sum + (sessionsOf.get(listener) ?? 0), 0),
    );
  });
  return {
    workers,
    pinned: pinnedCpus(config, facts, workers),
    sessionsOf,
    sessions: [...sessionsOf.values()].reduce((sum, count) => sum + count, 0),
    unlimited: config.listeners.filter((listener) => listener.max_connections === 0),
    backends: merged(demands),
    warm,
    tableSize: table,
    sessionsByDescriptors: most,
    descriptorsBefore: before,
  };
}

/** For a check: all that it may look at. */
export interface Case {
  readonly config: Config;
  readonly facts: HostFacts;
  readonly demand: Demand;
}
