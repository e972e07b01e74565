// Policies compiled to plans: what the config says and what health knows, as the tables that workers pick from.
// Pure but for a memory of recent tables, so that a backend that flaps does not cost a table each time.
// Knows nothing of probes, names or sessions.

import type { Plan, PlanKind } from '../engine/engine.ts';
import { maglevTable } from './maglev.ts';
import { smoothSequence } from './sequence.ts';

export type Policy =
  | 'round_robin'
  | 'weighted_round_robin'
  | 'least_connections'
  | 'ip_hash'
  | 'least_response_time'
  | 'random'
  | 'power_of_two';

export interface PlanBackend {
  /** `host:port` as configured: what `ip_hash` places it by. */
  readonly key: string;
  /** 0 to 65,535; 0 is never picked. */
  readonly weight: number;
  /** Serves only when no primary does. */
  readonly backup: boolean;
  readonly up: boolean;
}

/** Who may be picked, and on what grounds. `panic`: too few are up for their state to be believed. */
export interface Membership {
  readonly grounds: 'primaries' | 'backups' | 'panic' | 'nobody';
  /** Indexes, in config order. */
  readonly members: readonly number[];
}

export interface Compiler {
  /** `panicThreshold` is a percentage of primaries; 0 never panics. Tables may be shared: do not write to them. */
  compile(policy: Policy, backends: readonly PlanBackend[], panicThreshold: number): Plan;
}

/** Tables that are remembered: some for every pool of a large config, at most 32 MiB of them. */
const REMEMBERED_TABLES = 256;

/** How each policy picks. Round robin honours weights, so both its names are one. */
export function planKind(policy: Policy): PlanKind {
  switch (policy) {
    case 'round_robin':
    case 'weighted_round_robin':
      return 'sequence';
    case 'least_connections':
      return 'least';
    case 'ip_hash':
      return 'hash';
    case 'least_response_time':
      return 'ewma';
    case 'random':
      return 'random';
    case 'power_of_two':
      return 'two';
    default: {
      const unreachable: never = policy;
      throw new TypeError(`no such policy: ${String(unreachable)}`);
    }
  }
}

/**
 * Primaries that are up; when none is, backups that are up. Panic: with fewer primaries up than `panicThreshold`
 * percent, all of them are members, since it is likelier that the probes are wrong than that so many died. A backup
 * that is up is still preferred to primaries none of which is. Weight 0 counts nowhere.
 */
export function membership(backends: readonly PlanBackend[], panicThreshold: number): Membership {
  const primaries = eligible(backends, false);
  const up = primaries.filter((index) => backends[index]?.up);
  if (up.length === 0) {
    const backups = eligible(backends, true).filter((index) => backends[index]?.up);
    if (backups.length > 0) return { grounds: 'backups', members: backups };
  }
  if (primaries.length > 0 && up.length * 100 < panicThreshold * primaries.length) {
    return { grounds: 'panic', members: primaries };
  }
  return up.length > 0 ? { grounds: 'primaries', members: up } : { grounds: 'nobody', members: [] };
}

/** A compiler with a memory of its own. */
export function createCompiler(): Compiler {
  const remembered = new Map<string, Uint16Array>();

  /** The least recently used table goes first: a Map keeps the order of insertion. */
  function remember(name: string, build: () => Uint16Array): Uint16Array {
    const table = remembered.get(name) ?? build();
    remembered.delete(name);
    remembered.set(name, table);
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED_TABLES) break;
      remembered.delete(oldest);
    }
    return table;
  }

  function table(
    kind: PlanKind,
    backends: readonly PlanBackend[],
    { grounds, members }: Membership,
  ): Uint16Array {
    switch (kind) {
      case 'sequence':
      case 'random':
      case 'two':
        return remember(describe('cycle', backends, members, false), () =>
          smoothSequence(members.map((index) => weightOf(backends, index))).map(
            (at) => members[at] as number,
          ),
        );
      case 'hash': {
        // Over all that are configured: the dead keep their places, hence the living keep their clients.
        const placed = eligible(backends, grounds === 'backups');
        return remember(describe('maglev', backends, placed, true), () =>
          maglevTable(
            placed.map((index) => ({
              key: (backends[index] as PlanBackend).key,
              weight: weightOf(backends, index),
              value: index,
            })),
          ),
        );
      }
      case 'least':
      case 'ewma':
        return new Uint16Array(0);
      default: {
        const unreachable: never = kind;
        throw new TypeError(`no such plan: ${String(unreachable)}`);
      }
    }
  }

  return {
    compile(policy, backends, panicThreshold) {
      const kind = planKind(policy);
      const picked = membership(backends, panicThreshold);
      return { kind, members: picked.members, table: table(kind, backends, picked) };
    },
  };
}

/** One plan without a memory. */
export function compile(policy: Policy, backends: readonly PlanBackend[], panicThreshold: number): Plan {
  return createCompiler().compile(policy, backends, panicThreshold);
}

function eligible(backends: readonly PlanBackend[], backup: boolean): number[] {
  const indexes: number[] = [];
  backends.forEach((backend, index) => {
    if (backend.backup === backup && backend.weight > 0) indexes.push(index);
  });
  return indexes;
}

function weightOf(backends: readonly PlanBackend[], index: number): number {
  return (backends[index] as PlanBackend).weight;
}

/** Equal descriptions have equal tables. */
function describe(
  what: string,
  backends: readonly PlanBackend[],
  indexes: readonly number[],
  withKeys: boolean,
): string {
  const parts = indexes.map((index) => {
    const { key, weight } = backends[index] as PlanBackend;
    return withKeys ? `${index} ${weight} ${key}` : `${index} ${weight}`;
  });
  return `${what}\n${parts.join('\n')}`;
}
