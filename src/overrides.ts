// Changes that an operator or a program makes while it runs (a weight, a backend held back), and what becomes of them
// when the file changes: a three-way merge of what the file said when the change was made, what the file says now, and
// the change. The file wins on the very field that it changed, the change wins everywhere else. Pure but for the small
// store; knows no engine and no clock. A config that is refused costs nothing: each question names the config it is for.

import type { Config, Pool } from './config/config.ts';
import { printText } from './config/kinds.ts';
import { backendKey, type Overrides } from './snapshot/build.ts';

/** `drain`: no new sessions, open ones may finish. `maintenance`: the same, and open ones are ended. */
export type HoldMode = 'drain' | 'maintenance';

interface OfBackend {
  readonly pool: string;
  /** `host:port` as configured. */
  readonly backend: string;
}

export interface WeightChange extends OfBackend {
  readonly field: 'weight';
  readonly value: number;
  /** What the file said when the change was made. */
  readonly fileValue: number;
}

/** Holding back is no field of the file, which therefore cannot change it. */
export interface HoldChange extends OfBackend {
  readonly field: 'hold';
  readonly value: HoldMode;
}

export type RuntimeChange = WeightChange | HoldChange;

/**
 * `kept`: the file did not touch that field. `agreed`: the file says the same now, so nothing is left to remember.
 * `overruled`: the file says something new, and wins. `gone`: the file has no such backend any more.
 */
export type MergeOutcome = 'kept' | 'agreed' | 'overruled' | 'gone';

export interface Merged {
  readonly change: RuntimeChange;
  readonly outcome: MergeOutcome;
  /** What is in force for that field afterwards; undefined for a backend that is gone. */
  readonly inForce: number | HoldMode | undefined;
}

export type OverrideOutcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

export interface OverrideStore {
  /** What to overrule when this config is (or becomes) the one in force. */
  for(config: Config): Pick<Overrides, 'weight' | 'isHeld'>;
  /** 0 to 65,535. */
  setWeight(pool: string, backend: string, weight: number): OverrideOutcome;
  /** Back to what the file says. */
  resetWeight(pool: string, backend: string): OverrideOutcome;
  hold(pool: string, backend: string, mode: HoldMode): OverrideOutcome;
  /** Serves again. Harmless when it was not held back. */
  release(pool: string, backend: string): OverrideOutcome;
  list(): readonly RuntimeChange[];
  /** What another process had, before the first config takes force; settle says what became of it. */
  restore(changes: readonly RuntimeChange[]): void;
  /** A config has taken force: forgets what it overrules, and says what became of every change. */
  settle(config: Config): readonly Merged[];
}

export interface OverrideStoreOptions {
  /** The config in force. */
  readonly config: () => Config;
  /** Called after each change. */
  readonly touch: () => void;
}

export const MOST_WEIGHT = 65_535;

/** One field, three ways. */
export function mergeWeight(
  before: number,
  after: number,
  wanted: number,
): { outcome: MergeOutcome; inForce: number } {
  if (after === wanted) return { outcome: 'agreed', inForce: after };
  return before === after ? { outcome: 'kept', inForce: wanted } : { outcome: 'overruled', inForce: after };
}

/** What becomes of changes under a new config. */
export function mergeChanges(changes: readonly RuntimeChange[], config: Config): readonly Merged[] {
  const pools = new Map(config.pools.map((pool) => [pool.name, weightsOf(pool)]));
  return changes.map((change): Merged => {
    const fileValue = pools.get(change.pool)?.get(change.backend);
    if (fileValue === undefined) return { change, outcome: 'gone', inForce: undefined };
    return change.field === 'hold'
      ? { change, outcome: 'kept', inForce: change.value }
      : { change, ...mergeWeight(change.fileValue, fileValue, change.value) };
  });
}

/** One line for each change, '' when there is none. `=` kept, `~` the file wins, `-` nothing left to remember. */
export function formatMerged(merged: readonly Merged[]): string {
  return merged.map((each) => `${mergedLine(each)}\n`).join('');
}

function mergedLine({ change, outcome, inForce }: Merged): string {
  const { field, value } = change;
  const what = `pool ${printText(change.pool)}: backend ${change.backend}: ${field} ${value}`;
  switch (outcome) {
    case 'kept':
      return `= ${what}: set at run time, kept`;
    case 'agreed':
      return `- ${what}: set at run time, the file says the same now`;
    case 'overruled':
      return `~ ${what}: set at run time, the file has changed it to ${inForce}`;
    case 'gone':
      return `- ${what}: set at run time, the backend is gone`;
    default: {
      const unreachable: never = outcome;
      throw new TypeError(`no such outcome: ${String(unreachable)}`);
    }
  }
}

/** Bounded by the config: one weight and one hold for each backend that it names. */
export function createOverrideStore({ config, touch }: OverrideStoreOptions): OverrideStore {
  const changes = new Map<string, RuntimeChange>();

  function fileWeight(pool: string, backend: string): number | undefined {
    const found = config().pools.find((each) => each.name === pool);
    return found?.backends.find((each) => backendKey(each) === backend)?.weight;
  }

  function unknown(pool: string, backend: string): OverrideOutcome {
    return { ok: false, message: `there is no backend ${printText(backend)} in a pool ${printText(pool)}` };
  }

  function put(change: RuntimeChange): OverrideOutcome {
    changes.set(nameOf(change.field, change.pool, change.backend), change);
    touch();
    return { ok: true };
  }

  function drop(field: RuntimeChange['field'], pool: string, backend: string): OverrideOutcome {
    if (fileWeight(pool, backend) === undefined) return unknown(pool, backend);
    if (changes.delete(nameOf(field, pool, backend))) touch();
    return { ok: true };
  }

  return {
    for(wanted) {
      if (changes.size === 0) return { weight: () => undefined, isHeld: () => false };
      const weights = new Map<string, number>();
      const held = new Set<string>();
      for (const { change, outcome } of mergeChanges([...changes.values()], wanted)) {
        const name = nameOf(change.field, change.pool, change.backend);
        if (outcome !== 'kept') continue;
        if (change.field === 'weight') weights.set(name, change.value);
        else held.add(name);
      }
      return {
        weight: (pool, backend) => weights.get(nameOf('weight', pool, backend)),
        isHeld: (pool, backend) => held.has(nameOf('hold', pool, backend)),
      };
    },
    setWeight(pool, backend, weight) {
      const fileValue = fileWeight(pool, backend);
      if (fileValue === undefined) return unknown(pool, backend);
      if (!Number.isInteger(weight) || weight < 0 || weight > MOST_WEIGHT) {
        return { ok: false, message: `a weight is a whole number from 0 to ${MOST_WEIGHT}` };
      }
      return weight === fileValue
        ? drop('weight', pool, backend)
        : put({ field: 'weight', pool, backend, value: weight, fileValue });
    },
    resetWeight: (pool, backend) => drop('weight', pool, backend),
    hold(pool, backend, mode) {
      if (fileWeight(pool, backend) === undefined) return unknown(pool, backend);
      return put({ field: 'hold', pool, backend, value: mode });
    },
    release: (pool, backend) => drop('hold', pool, backend),
    list: () => [...changes.values()],
    restore(given) {
      for (const change of given) changes.set(nameOf(change.field, change.pool, change.backend), change);
    },
    settle(taken) {
      const merged = mergeChanges([...changes.values()], taken);
      for (const { change, outcome } of merged) {
        if (outcome !== 'kept') changes.delete(nameOf(change.field, change.pool, change.backend));
      }
      return merged;
    },
  };
}

function nameOf(field: string, pool: string, backend: string): string {
  return `${field}\0${pool}\0${backend}`;
}

function weightsOf(pool: Pool): ReadonlyMap<string, number> {
  return new Map(pool.backends.map((backend) => [backendKey(backend), backend.weight]));
}
