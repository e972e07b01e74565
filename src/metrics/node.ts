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

/** What prom-client makes of the delays since the scrape before: nonsense when there were none. */
const LAG = /^(nodejs_eventloop_lag_(?:min|max|mean|stddev|p50|p90|p99)_seconds) (\S+)$/gm;
/** By name, as of the last scrape that had any. */
const lastLag = new Map<string, string>();

/** Text format, ending in a newline. */
export async function nodeMetrics(): Promise<string> {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  return withSoundLag(await registry.metrics());
}

/** Two scrapes in quick succession: what the first one told is told again, 0 when that was nothing either. */
function withSoundLag(text: string): string {
  if (/^nodejs_eventloop_lag_mean_seconds Nan$/m.test(text)) {
    return text.replaceAll(LAG, (_line, name: string) => `${name} ${lastLag.get(name) ?? '0'}`);
  }
  for (const [, name = '', value = ''] of text.matchAll(LAG)) lastLag.set(name, value);
  return text;
}
