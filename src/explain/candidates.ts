// Who of a pool may be picked, who may not and why: what the compiler decides, with its reasons. Health and open
// sessions are those of a running balancer where one was asked; else everybody counts as up and idle. Pure.

import { type Membership, type PlanBackend, compile, membership, planKind } from '../balance/compile.ts';
import type { Pool } from '../config/config.ts';
import type { Plan } from '../engine/engine.ts';
import { backendKey } from '../snapshot/build.ts';

/** What is known of a backend of a running balancer; undefined where it does not say. */
export interface Observed {
  readonly up: boolean | undefined;
  readonly sessions: number | undefined;
}

/** By pool and `host:port`; undefined for a backend that the running balancer does not know. */
export type Observe = (pool: string, backend: string) => Observed | undefined;

export interface Candidate {
  /** Index into the pool's backends. */
  readonly index: number;
  /** `host:port` as configured. */
  readonly backend: string;
  readonly weight: number;
  /** Share of new sessions by weight, 0 to 1. */
  readonly share: number;
  /** `ignored`: down, but so are too many others for that to be believed. */
  readonly state: 'up' | 'assumed-up' | 'down-ignored';
  /** Open now; undefined where nobody was asked. */
  readonly sessions: number | undefined;
}

export type ExclusionReason = 'no-weight' | 'down' | 'backup-not-needed' | 'full';

export interface Exclusion {
  readonly backend: string;
  readonly weight: number;
  readonly reason: ExclusionReason;
  readonly text: string;
}

export interface Candidates {
  readonly plan: Plan;
  readonly grounds: Membership['grounds'];
  readonly candidates: readonly Candidate[];
  readonly excluded: readonly Exclusion[];
  /** By index; 0 where nobody was asked. */
  readonly loads: readonly number[];
  /** Backends that the running balancer does not know. */
  readonly unknown: readonly string[];
}

export function candidatesOf(
  pool: Pool,
  observe: Observe | undefined,
  isDown: (backend: string) => boolean = () => false,
): Candidates {
  const keys = pool.backends.map(backendKey);
  const seen = keys.map((key) => observe?.(pool.name, key));
  const backends = pool.backends.map((backend, index): PlanBackend => {
    const key = keys[index] as string;
    return {
      key,
      weight: backend.weight,
      backup: backend.backup,
      up: !isDown(key) && seen[index]?.up !== false,
    };
  });
  const { grounds, members } = membership(backends, pool.panic_threshold);
  const inRotation = new Set(members);
  const loads = seen.map((each) => each?.sessions ?? 0);
  const isFull = (index: number): boolean => {
    const limit = pool.backends[index]?.max_connections ?? 0;
    return limit > 0 && (loads[index] ?? 0) >= limit;
  };
  const total = members.reduce((sum, index) => sum + (backends[index]?.weight ?? 0), 0);
  const candidates: Candidate[] = [];
  const excluded: Exclusion[] = [];
  for (const [index, backend] of backends.entries()) {
    const { key, weight } = backend;
    const reason = inRotation.has(index) ? (isFull(index) ? 'full' : undefined) : whyNot(backend, grounds);
    if (reason === undefined) {
      const state = !backend.up ? 'down-ignored' : seen[index]?.up === true ? 'up' : 'assumed-up';
      candidates.push({
        index,
        backend: key,
        weight,
        share: weight / total,
        state,
        sessions: seen[index]?.sessions,
      });
    } else {
      excluded.push({
        backend: key,
        weight,
        reason,
        text: textOf(reason, pool.backends[index]?.max_connections ?? 0),
      });
    }
  }
  return {
    plan: compile(pool.algorithm, backends, pool.panic_threshold),
    grounds,
    candidates,
    excluded,
    loads,
    unknown: observe === undefined ? [] : keys.filter((_, index) => seen[index] === undefined),
  };
}

/** Why somebody is no member. */
function whyNot({ weight, up, backup }: PlanBackend, grounds: Membership['grounds']): ExclusionReason {
  if (weight === 0) return 'no-weight';
  if (backup && grounds !== 'backups' && up) return 'backup-not-needed';
  return 'down';
}

function textOf(reason: ExclusionReason, limit: number): string {
  switch (reason) {
    case 'no-weight':
      return 'its weight is 0';
    case 'down':
      return 'it is down';
    case 'backup-not-needed':
      return 'a backup, and primaries serve';
    case 'full':
      return `it has all the ${limit} connections that it may have`;
    default: {
      const unreachable: never = reason;
      throw new TypeError(`no such reason: ${String(unreachable)}`);
    }
  }
}

/** Whether the same client always has the same backend. */
export function bindsClients(pool: Pool): boolean {
  return planKind(pool.algorithm) === 'hash';
}
