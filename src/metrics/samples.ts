// From what is known at one moment to the samples of every metric: pure. What is configured or still reported by the
// engine is told, and nothing else; a name that has several numbers has their sum, so that nothing is told twice.

import {
  CLOSE_REASONS,
  CONNECT_FAILURES,
  type BackendCounters,
  type Counters,
  type ListenerCounters,
} from '../engine/engine.ts';
import { DIRECTIONS, type MetricKey } from './names.ts';
import { IS_ERROR } from './reasons.ts';
import type { Rates, Totals } from './window.ts';

export interface Sample {
  /** One object for all samples of one thing: it is made into text once. */
  readonly labels: Readonly<Record<string, string>>;
  /** Besides those. */
  readonly more?: Readonly<Record<string, string>>;
  readonly value: number;
  /** Where a histogram's parts differ from its name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

const SHED_REASONS = ['drained', 'rebalanced'] as const;

export type Samples = Readonly<Record<MetricKey, readonly Sample[]>>;

/** What is told of a backend's health. */
export interface HealthFacts {
  readonly pool: string;
  readonly backend: string;
  readonly up: boolean;
  readonly lastDurationMs: number | undefined;
  readonly probes: number;
  readonly failures: number;
  readonly inconclusive: number;
  readonly transitions: number;
}

export interface NamedListener {
  readonly slot: number;
  readonly name: string;
}

export interface NamedBackend {
  readonly slot: number;
  readonly pool: string;
  readonly backend: string;
}

/** All that a page is made of, at one moment. */
export interface Frame {
  readonly counters: Counters;
  readonly latencyBounds: readonly number[];
  readonly listeners: readonly NamedListener[];
  readonly backends: readonly NamedBackend[];
  readonly rates: ReadonlyMap<string, Rates>;
  readonly health: readonly HealthFacts[];
  readonly names: readonly { readonly name: string; readonly staleMs: number }[];
  readonly generation: number;
  readonly reloadFailures: number;
  readonly ready: boolean;
  readonly version: string;
  readonly logDropped: number;
  readonly accessLog: { readonly written: number; readonly dropped: number };
}

/** What is counted under one name. */
interface Group<T> {
  readonly labels: Readonly<Record<string, string>>;
  readonly parts: readonly T[];
}

type ListenerGroup = Group<ListenerCounters>;
type BackendGroup = Group<BackendCounters>;

export function collectSamples(frame: Frame): Samples {
  const listeners = [...listenersByName(frame).values()];
  const backends = backendsByName(frame);
  return {
    ...listenerSamples(listeners, frame),
    ...backendSamples(backends, frame),
    ...healthSamples(frame),
    ...processSamples(frame),
    ...workerSamples(frame.counters),
  };
}

/** What windows are made of. */
export function totalsByListener(
  counters: Counters,
  listeners: readonly NamedListener[],
): Map<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const [name, { parts }] of listenersByName({ counters, listeners })) {
    totals.set(name, {
      turns: sum(parts, (part) => part.turns),
      closed: sum(parts, (part) => part.closed.reduce((all, count) => all + count, 0n)),
      errors: sum(parts, (part) =>
        part.closed.reduce((all, count, at) => (IS_ERROR[at] ? all + count : all), 0n),
      ),
    });
  }
  return totals;
}

function listenersByName({
  counters,
  listeners,
}: Pick<Frame, 'counters' | 'listeners'>): Map<string, ListenerGroup> {
  const bySlot = new Map(counters.listeners.map((part) => [part.slot, part]));
  const groups = new Map<string, { labels: Record<string, string>; parts: ListenerCounters[] }>();
  for (const { slot, name } of listeners) {
    const part = bySlot.get(slot);
    if (part === undefined) continue;
    const group = groups.get(name) ?? { labels: { listener: name }, parts: [] };
    groups.set(name, group);
    group.parts.push(part);
  }
  return groups;
}

function backendsByName({ counters, backends, health }: Frame): BackendGroup[] {
  const bySlot = new Map(counters.backends.map((part) => [part.slot, part]));
  const groups = new Map<string, { labels: Record<string, string>; parts: BackendCounters[] }>();
  // Those that nobody could be sent to yet have no number, but are configured.
  const configured = health.map(({ pool, backend }) => ({ pool, backend, part: undefined }));
  const reported = backends.map(({ pool, backend, slot }) => ({ pool, backend, part: bySlot.get(slot) }));
  for (const { pool, backend, part } of [
    ...configured,
    ...reported.filter((each) => each.part !== undefined),
  ]) {
    const key = JSON.stringify([pool, backend]);
    const group = groups.get(key) ?? { labels: { pool, backend }, parts: [] };
    groups.set(key, group);
    if (part !== undefined) group.parts.push(part);
  }
  return [...groups.values()];
}

function listenerSamples(groups: readonly ListenerGroup[], { latencyBounds, rates }: Frame) {
  const each = (pick: (part: ListenerCounters) => bigint): Sample[] => sums(groups, pick);
  const rate = (pick: (rates: Rates) => number): Sample[] =>
    groups.map(({ labels }) => {
      const known = rates.get(labels['listener'] ?? '');
      return { labels, value: known === undefined ? 0 : pick(known) };
    });
  return {
    requestDuration: histograms(
      groups,
      latencyBounds,
      (part) => part.turnBuckets,
      (part) => part.turnSumNs,
    ),
    activeConnections: each((part) => part.active),
    errorRate: rate(({ errorShare }) => errorShare),
    requestsPerSecond: rate(({ turnsPerSecond }) => turnsPerSecond),
    sessions: each((part) => part.accepted),
    sessionsClosed: byLabel(groups, 'reason', CLOSE_REASONS, (part, at) => part.closed[at]),
    relayedBytes: byLabel(groups, 'direction', DIRECTIONS, relayed),
    splicedBytes: each((part) => part.splicedBytes),
    copiedBytes: each((part) => part.copiedBytes),
    acceptPauses: each((part) => part.acceptPauses),
    acceptErrors: each((part) => part.acceptErrors),
  } satisfies Partial<Record<MetricKey, Sample[]>>;
}

function backendSamples(groups: readonly BackendGroup[], { latencyBounds }: Frame) {
  const each = (pick: (part: BackendCounters) => bigint): Sample[] => sums(groups, pick);
  return {
    backendResponseTime: histograms(
      groups,
      latencyBounds,
      (part) => part.turnBuckets,
      (part) => part.turnSumNs,
    ),
    backendConnectDuration: histograms(
      groups,
      latencyBounds,
      (part) => part.connectBuckets,
      (part) => part.connectSumNs,
    ),
    backendSessions: each((part) => part.active),
    backendSessionsOpened: each((part) => part.sessions),
    backendRelayedBytes: byLabel(groups, 'direction', DIRECTIONS, relayed),
    connectFailures: byLabel(groups, 'reason', CONNECT_FAILURES, (part, at) => part.failures[at]),
    retries: retriesByPool(groups),
    warmConnections: each((part) => part.warm),
    warmUsed: each((part) => part.warmUsed),
    warmStale: each((part) => part.warmStale),
    backendSessionsShed: byLabel(groups, 'reason', SHED_REASONS, (part, at) =>
      SHED_REASONS[at] === 'drained' ? part.drained : part.rebalanced,
    ),
  } satisfies Partial<Record<MetricKey, Sample[]>>;
}

function healthSamples({ health, names }: Frame) {
  const each = (pick: (facts: HealthFacts) => number): Sample[] =>
    health.map((facts) => ({ labels: { pool: facts.pool, backend: facts.backend }, value: pick(facts) }));
  return {
    backendUp: each(({ up }) => (up ? 1 : 0)),
    backendTransitions: each(({ transitions }) => transitions),
    probes: health.flatMap(({ pool, backend, probes, failures, inconclusive }) => [
      { labels: { pool, backend, outcome: 'pass' }, value: probes - failures - inconclusive },
      { labels: { pool, backend, outcome: 'fail' }, value: failures },
      { labels: { pool, backend, outcome: 'inconclusive' }, value: inconclusive },
    ]),
    probeDuration: each(({ lastDurationMs }) => (lastDurationMs ?? 0) / 1000),
    nameStale: names.map(({ name, staleMs }) => ({ labels: { name }, value: staleMs / 1000 })),
  } satisfies Partial<Record<MetricKey, Sample[]>>;
}

function processSamples(frame: Frame) {
  const one = (value: number): Sample[] => [{ labels: {}, value }];
  return {
    configGeneration: one(frame.generation),
    workersGeneration: one(frame.counters.generation),
    reloadFailures: one(frame.reloadFailures),
    ready: one(frame.ready ? 1 : 0),
    buildInfo: [{ labels: { version: frame.version, node: process.version }, value: 1 }],
    eventsDropped: one(Number(frame.counters.eventsDropped)),
    logDropped: one(frame.logDropped),
    accessLogRecords: one(frame.accessLog.written),
    accessLogDropped: [
      {
        labels: { cause: 'ring_full' },
        value: Number(sum(frame.counters.workers, (worker) => worker.recordsDropped)),
      },
      { labels: { cause: 'writer_full' }, value: frame.accessLog.dropped },
    ],
  } satisfies Partial<Record<MetricKey, Sample[]>>;
}

function workerSamples({ workers }: Counters) {
  const each = (pick: (worker: Counters['workers'][number]) => bigint): Sample[] =>
    workers.map((worker, at) => ({ labels: { worker: String(at) }, value: Number(pick(worker)) }));
  return {
    workerSessions: each((worker) => worker.sessions),
    workerAccepted: each((worker) => worker.accepted),
    workerLoops: each((worker) => worker.loops),
    workerEvents: each((worker) => worker.events),
    workerStaleEvents: each((worker) => worker.staleEvents),
    workerPipesOpen: each((worker) => worker.pipesOpen),
    workerPipesBorrowed: each((worker) => worker.pipesBorrowed),
    workerPipeFailures: each((worker) => worker.pipeFailures),
    workerLowWaterRelays: each((worker) => worker.lowWaterRelays),
    workerLowWaterStalls: each((worker) => worker.lowWaterStalls),
    workerBufferBytes: each((worker) => worker.bufferBytes),
  } satisfies Partial<Record<MetricKey, Sample[]>>;
}

function relayed(
  part: { readonly toBackendBytes: bigint; readonly toClientBytes: bigint },
  direction: number,
): bigint {
  return DIRECTIONS[direction] === 'to_backend' ? part.toBackendBytes : part.toClientBytes;
}

function retriesByPool(groups: readonly BackendGroup[]): Sample[] {
  const pools = new Map<string, bigint>();
  for (const { labels, parts } of groups) {
    const pool = labels['pool'] ?? '';
    pools.set(pool, (pools.get(pool) ?? 0n) + sum(parts, (part) => part.retries));
  }
  return [...pools].map(([pool, retries]) => ({ labels: { pool }, value: Number(retries) }));
}

function sum<T>(parts: readonly T[], pick: (part: T) => bigint): bigint {
  return parts.reduce((all, part) => all + pick(part), 0n);
}

/**
 * Counts become doubles, which is what Prometheus keeps them as: exact up to 2^53, and beyond it the nearest one, the
 * same that a scraper makes of all digits. (prom-client prints a bigint as +Inf.)
 */
function sums<T>(groups: readonly Group<T>[], pick: (part: T) => bigint): Sample[] {
  return groups.map(({ labels, parts }) => ({ labels, value: Number(sum(parts, pick)) }));
}

/** One more label, with a sample for every value that it can have. */
function byLabel<T>(
  groups: readonly Group<T>[],
  label: string,
  values: readonly string[],
  pick: (part: T, at: number) => bigint | undefined,
): Sample[] {
  const more = values.map((value) => ({ [label]: value }));
  return groups.flatMap(({ labels, parts }) =>
    more.map((one, at) => ({
      labels,
      more: one,
      value: Number(sum(parts, (part) => pick(part, at) ?? 0n)),
    })),
  );
}

/** The engine counts each bucket by itself; the format wants each with all that are below. */
function histograms<T>(
  groups: readonly Group<T>[],
  bounds: readonly number[],
  buckets: (part: T) => readonly bigint[],
  sumNs: (part: T) => bigint,
): Sample[] {
  const edges = [...bounds.map(String), '+Inf'].map((le) => ({ le }));
  return groups.flatMap(({ labels, parts }) => {
    let all = 0n;
    const samples: Sample[] = edges.map((more, at) => {
      all += sum(parts, (part) => buckets(part)[at] ?? 0n);
      return { labels, more, value: Number(all), suffix: '_bucket' };
    });
    samples.push({ labels, value: Number(sum(parts, sumNs)) / 1e9, suffix: '_sum' });
    samples.push({ labels, value: Number(all), suffix: '_count' });
    return samples;
  });
}
