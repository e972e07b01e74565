// What a metric is, as data, and the shape of names: ultrabalancer_l4_<noun>_<unit>, with _total for counters.

export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** Who knows the value. */
export type MetricSource = 'data plane' | 'window' | 'health' | 'names' | 'control plane' | 'log';

export interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly labels: readonly string[];
  readonly unit: string;
  /** One sentence, for the page itself. */
  readonly help: string;
  readonly source: MetricSource;
  /** When somebody should look at it, for the documentation. */
  readonly use: string;
}

/** Labels of what is told per backend. */
export const BACKEND: readonly ['pool', 'backend'] = ['pool', 'backend'];
const PREFIX = 'ultrabalancer_l4_';

export type MetricDetails = Omit<Metric, 'name' | 'kind' | 'labels'>;

export function counter(name: string, labels: readonly string[], rest: MetricDetails): Metric {
  return { name: `${PREFIX}${name}_total`, kind: 'counter', labels, ...rest };
}

export function gauge(name: string, labels: readonly string[], rest: MetricDetails): Metric {
  return { name: `${PREFIX}${name}`, kind: 'gauge', labels, ...rest };
}

export function histogram(name: string, labels: readonly string[], rest: MetricDetails): Metric {
  return { name: `${PREFIX}${name}`, kind: 'histogram', labels, ...rest };
}
