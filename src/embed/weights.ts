// Weights that a function of the program computes, now and then, for all backends of a pool: what comes out is applied
// as a snapshot, so that no session ever waits for JavaScript. One round that makes no sense changes nothing. Knows no
// engine: what it may look at is handed in.

import type { Time } from '../health/time.ts';
import { MOST_WEIGHT } from '../overrides.ts';

export interface WeighedBackend {
  readonly pool: string;
  /** `host:port` as configured. */
  readonly backend: string;
  readonly host: string;
  readonly port: number;
  /** What the config says. */
  readonly configured: number;
  readonly up: boolean;
  /** Open now. */
  readonly sessions: number;
  /** Mean time from the last byte of a client to the first of the answer since the last round; undefined without any. */
  readonly responseMs: number | undefined;
}

/**
 * A share of new sessions relative to the others of the pool, 0 or more; rounded to a whole number of at most 65,535.
 * Runs on the thread that made the balancer, for every backend of the pool.
 */
export type WeightFunction = (backend: WeighedBackend) => number;

export interface WeightRule {
  readonly weight: WeightFunction;
  /** Between two rounds; 10 or more, 1000 unless told. */
  readonly everyMs?: number;
}

/** By pool. */
export type WeightRules = Readonly<Record<string, WeightRule>>;

export interface ComputedWeights {
  /** Undefined where no function has a say, or has not had it yet. */
  weight(pool: string, backend: string): number | undefined;
  start(): void;
  stop(): void;
}

export interface ComputedWeightsOptions {
  readonly rules: WeightRules;
  /** The backends of a pool as they are now; empty for a pool that is not there. Asked once a round. */
  readonly backends: (pool: string) => readonly WeighedBackend[];
  /** Something has changed. */
  readonly touch: () => void;
  /** The first of several rounds in a row that made no sense. */
  readonly complain: (message: string) => void;
  readonly time: Time;
}

const EVERY_MS = 1000;
const LEAST_MS = 10;

export function createComputedWeights(options: ComputedWeightsOptions): ComputedWeights {
  const { rules, time } = options;
  const weights = new Map<string, ReadonlyMap<string, number>>();
  const timers = new Map<string, () => void>();
  const failing = new Set<string>();
  let running = false;

  function round(pool: string, rule: WeightRule): void {
    timers.set(
      pool,
      time.after(Math.max(LEAST_MS, rule.everyMs ?? EVERY_MS), () => round(pool, rule)),
    );
    const backends = options.backends(pool);
    if (backends.length === 0) return;
    const computed = compute(backends, rule.weight);
    if (typeof computed === 'string') {
      if (!failing.has(pool)) options.complain(`the weights of pool ${pool} stay as they are: ${computed}`);
      failing.add(pool);
      return;
    }
    failing.delete(pool);
    const before = weights.get(pool);
    weights.set(pool, computed);
    if (before === undefined || !areEqual(before, computed)) options.touch();
  }

  return {
    weight: (pool, backend) => weights.get(pool)?.get(backend),
    start() {
      if (running) return;
      running = true;
      for (const [pool, rule] of Object.entries(rules)) round(pool, rule);
    },
    stop() {
      running = false;
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}

/** The weights, or why there are none. */
function compute(
  backends: readonly WeighedBackend[],
  weight: WeightFunction,
): ReadonlyMap<string, number> | string {
  const computed = new Map<string, number>();
  let somebody = false;
  for (const backend of backends) {
    let value: unknown;
    try {
      value = weight(backend);
    } catch (error) {
      return `the function throws for ${backend.backend}: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      return `the function answers ${typeof value === 'number' ? value : typeof value} for ${backend.backend}, not a number of 0 or more`;
    }
    const whole = Math.min(MOST_WEIGHT, Math.round(value));
    somebody ||= whole > 0;
    computed.set(backend.backend, whole);
  }
  return somebody ? computed : 'all of them would be 0, and nobody would serve';
}

function areEqual(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([backend, weight]) => other.get(backend) === weight);
}
