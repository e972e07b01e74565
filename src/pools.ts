// What of a config's pools concerns names and health: the hosts to resolve, and whom to probe at which address. Pure.

import type { Config } from './config/config.ts';
import type { MonitoredPool } from './health/health.ts';
import { backendKey } from './snapshot/build.ts';

/** Each once. */
export function hosts({ pools }: Config): string[] {
  return [...new Set(pools.flatMap(({ backends }) => backends.map(({ host }) => host)))];
}

export function poolsToProbe(
  { pools }: Config,
  addressOf: (host: string) => string | undefined,
): MonitoredPool[] {
  return pools.map((pool) => ({
    name: pool.name,
    health_checks: pool.health_checks,
    backends: pool.backends.map(({ host, port }) => ({
      key: backendKey({ host, port }),
      host,
      port,
      address: addressOf(host),
    })),
  }));
}
