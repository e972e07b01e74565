// The metrics page of an embedded balancer: the same one, loaded only where the config asks for it.

import type { Balancer as Core, BalancerLog, MetricsServer } from '../balancer.ts';
import type { PrometheusSettings } from '../config/config.ts';
import type { Log } from '../log.ts';

export async function serveMetrics(
  settings: PrometheusSettings,
  core: Core,
  log: BalancerLog,
): Promise<MetricsServer> {
  const [{ createMetrics }, { startMetricsServer }] = await Promise.all([
    import('../metrics/registry.ts'),
    import('../metrics/server.ts'),
  ]);
  return startMetricsServer(settings, createMetrics(core, asLog(log)), () => core.state());
}

/** The caller's logger has no files to reopen and nothing to flush. */
function asLog(log: BalancerLog): Log {
  return {
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields) => log.warn(message, fields),
    error: (message, fields) => log.error(message, fields),
    banner: (text) => log.info(text),
    reopen: () => undefined,
    flush: () => Promise.resolve(),
  };
}
