// The metrics page: our own metrics, registered with prom-client as objects that answer from one frame per scrape, and
// Node's. The engine is read once per scrape, and now and then for the windows. Assumes no more of the balancer than
// MetricsSource says.

import { readFileSync } from 'node:fs';

import { type Metric as PromMetric, Registry } from 'prom-client';

import type { Engine } from '../engine/engine.ts';
import type { Log } from '../log.ts';
import type { Metric } from './metric.ts';
import { METRICS, type MetricKey } from './names.ts';
import { nodeMetrics } from './node.ts';
import { type Readiness, readiness, type ReadinessFacts } from './readiness.ts';
import {
  collectSamples,
  type Frame,
  type HealthFacts,
  type NamedBackend,
  type NamedListener,
  type Samples,
  totalsByListener,
} from './samples.ts';
import { createWindows, READ_EVERY_MS } from './window.ts';

/** Whom the numbers are asked from; a balancer fits. */
export interface MetricsSource {
  engine(): Pick<Engine, 'read' | 'latencyBounds'>;
  /** Who is behind the engine's numbers: all that are configured, and those removed that it still reports. */
  readonly slots: { listeners(): readonly NamedListener[]; backends(): readonly NamedBackend[] };
  /** Configured backends only. */
  health(): readonly HealthFacts[];
  /** Records of ended sessions that have found a taker, and those that it had no room for. */
  accessLog?(): { readonly written: number; readonly dropped: number };
  /** Names that backends are configured by. */
  names?(): readonly { readonly name: string; readonly staleMs: number }[];
  state(): {
    readonly generation: number;
    readonly reloadFailures: number;
    readonly phase: ReadinessFacts['phase'];
  };
}

export interface MetricsClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Until the answer is called. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void;
}

export interface MetricsOptions {
  readonly clock?: MetricsClock;
  /** Of the product; the package's own unless told. */
  readonly version?: string;
  /** Node's own metrics as text; empty leaves them out. */
  readonly node?: () => Promise<string>;
}

export interface Metrics {
  readonly contentType: string;
  /** The page. Asked again while it is being made, it is made once. Rejects only when the engine cannot be read. */
  scrape(): Promise<string>;
  readiness(): Readiness;
  /** No more readings for the windows. Harmless when repeated. */
  close(): void;
}

const systemClock: MetricsClock = {
  now: () => performance.now(),
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

export function createMetrics(source: MetricsSource, log?: Log, options: MetricsOptions = {}): Metrics {
  const { clock = systemClock, node = nodeMetrics, version = packageVersion() } = options;
  const windows = createWindows();
  const registry = new Registry();
  let samples: Samples | undefined;
  let underWay: Promise<string> | undefined;

  for (const [key, metric] of Object.entries(METRICS) as [MetricKey, Metric][]) {
    registry.registerMetric(asPromMetric(metric, () => samples?.[key] ?? []));
  }

  function remember(): void {
    windows.add(clock.now(), totalsByListener(source.engine().read(), source.slots.listeners()));
  }
  remember();
  const stop = clock.every(READ_EVERY_MS, remember);

  function frame(): Frame {
    const engine = source.engine();
    const counters = engine.read();
    const listeners = source.slots.listeners();
    const { generation, reloadFailures } = source.state();
    return {
      counters,
      latencyBounds: engine.latencyBounds,
      listeners,
      backends: source.slots.backends(),
      rates: windows.rates(clock.now(), totalsByListener(counters, listeners)),
      health: source.health(),
      names: source.names?.() ?? [],
      generation,
      reloadFailures,
      ready: ready().ready,
      version,
      logDropped: log?.dropped?.() ?? 0,
      accessLog: source.accessLog?.() ?? { written: 0, dropped: 0 },
    };
  }

  function ready(): Readiness {
    return readiness({ phase: source.state().phase, health: source.health() });
  }

  async function scrape(): Promise<string> {
    samples = collectSamples(frame());
    const [ours, others] = await Promise.all([registry.metrics(), node()]);
    return others === '' ? ours : `${ours}\n${others}`;
  }

  return {
    contentType: registry.contentType,
    scrape: () => (underWay ??= scrape().finally(() => (underWay = undefined))),
    readiness: ready,
    close: stop,
  };
}

const NO_LABELS: Readonly<Record<string, string>> = {};

/** All that prom-client's registry asks of a metric is its name and what get() answers; its types ask for its classes. */
function asPromMetric(metric: Metric, samples: () => Samples[MetricKey]): PromMetric {
  const get = () =>
    Promise.resolve({
      name: metric.name,
      help: metric.help,
      type: metric.kind,
      values: samples().map(({ labels, more = NO_LABELS, value, suffix = '' }) => ({
        labels: more,
        sharedLabels: labels,
        value,
        metricName: metric.name + suffix,
      })),
    });
  return { name: metric.name, get } as unknown as PromMetric;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
