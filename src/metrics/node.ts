// What Node.js tells about its own process, under the names that prom-client gives it. There is one process, hence one
// registry, made at first use: its observers cannot be taken away again.

import { collectDefaultMetrics, Registry } from 'prom-client';

/** How often the event loop is looked at, in milliseconds: each look wakes the process. */
const LAG_PRECISION_MS = 20;

/** Gauges whose names promise counters; what they add up is there beside them, by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let registry: Registry | undefined;

/** Text format, ending in a newline. */
export async function nodeMetrics(): Promise<string> {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  const text = await registry.metrics();
  // Two scrapes in quick succession leave lags without a sample, and prom-client spells that in a way of its own.
  return text.replaceAll(/ Nan$/gm, ' NaN');
}
