// Every metric, from the only files (names-*.ts) where a metric's name, its labels or its help are spelled. Data alone:
// how values come about is in samples.ts, how they are served in server.ts, and docs/metrics.md is made from this.

import type { Metric } from './metric.ts';
import {
  healthMetrics,
  type HealthKey,
  type ProcessKey,
  processMetrics,
  type WorkerKey,
  workerMetrics,
} from './names-process.ts';
import {
  type BackendKey,
  backendMetrics,
  type GuideKey,
  guideMetrics,
  type ListenerKey,
  listenerMetrics,
} from './names-sessions.ts';

export type MetricKey = GuideKey | ListenerKey | BackendKey | HealthKey | ProcessKey | WorkerKey;

export interface MetricGroup {
  readonly title: string;
  readonly metrics: Readonly<Record<string, Metric>>;
}

/** In the order in which they are documented. */
export const METRIC_GROUPS: readonly MetricGroup[] = [
  { title: 'The five of the tuning guide', metrics: guideMetrics },
  { title: 'Listeners', metrics: listenerMetrics },
  { title: 'Backends', metrics: backendMetrics },
  { title: 'Health and names', metrics: healthMetrics },
  { title: 'The process', metrics: processMetrics },
  { title: 'Workers', metrics: workerMetrics },
];

/** Every metric of ours, by what the code calls it. */
export const METRICS: Readonly<Record<MetricKey, Metric>> = {
  ...guideMetrics,
  ...listenerMetrics,
  ...backendMetrics,
  ...healthMetrics,
  ...processMetrics,
  ...workerMetrics,
};

export const DIRECTIONS: readonly ['to_backend', 'to_client'] = ['to_backend', 'to_client'];
