// Whether this process is worth sending clients to. Pure: what is known in, the verdict and its reasons out.

export interface ReadinessFacts {
  readonly phase: 'starting' | 'serving' | 'draining' | 'stopped';
  readonly health: readonly { readonly pool: string; readonly up: boolean }[];
}

export interface Readiness {
  readonly ready: boolean;
  /** Also what is wrong while others can still be served; empty when nothing is. */
  readonly reasons: readonly string[];
}

/** Not ready only when nobody at all can be served: one dead pool is no reason to take the others away from clients. */
export function readiness({ phase, health }: ReadinessFacts): Readiness {
  if (phase !== 'serving') return { ready: false, reasons: [phase] };
  const serving = new Set(health.filter(({ up }) => up).map(({ pool }) => pool));
  const pools = [...new Set(health.map(({ pool }) => pool))];
  const dead = pools.filter((pool) => !serving.has(pool));
  return {
    ready: serving.size > 0 || pools.length === 0,
    reasons: dead.map((pool) => `pool ${pool} has no backend that is up`),
  };
}
