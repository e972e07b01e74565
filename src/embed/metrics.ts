// The metrics page of an embedded balancer: the same one, loaded only where the config asks for it.

import type { Balancer as Core, MetricsServer } from '../balancer.ts';
import type { PrometheusSettings } from '../config/config.ts';
import type { MetricsSource } from '../metrics/registry.ts';

export async function serveMetrics(
  settings: PrometheusSettings,
  core: Core,
  accessLog: NonNullable<MetricsSource['accessLog']>,
): Promise<MetricsServer> {
  const [{ createMetrics }, { startMetricsServer }] = await Promise.all([
    import('../metrics/registry.ts'),
    import('../metrics/server.ts'),
  ]);
  // Without a log: what the page tells of one is about the log of the process.
  return startMetricsServer(settings, createMetrics({ ...core, accessLog }), () => core.state());
}
