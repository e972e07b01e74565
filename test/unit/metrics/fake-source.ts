// A balancer that has counted whatever a test says, and a strict reader of the page that is made of it.

import assert from 'node:assert/strict';
import { CLOSE_REASONS, CONNECT_FAILURES } from '#src/engine/engine.js';
import type { BackendCounters, ListenerCounters, WorkerCounters } from '#src/engine/engine.js';
import type { MetricsSource } from '#src/metrics/registry.js';
import type { HealthFacts, NamedBackend, NamedListener } from '#src/metrics/samples.js';

export const BOUNDS: readonly number[] = [0.001, 0.01, 0.1];
const NO_BUCKETS: readonly bigint[] = [0n, 0n, 0n, 0n];

export function listenerCounters(slot: number, some: Partial<ListenerCounters> = {}): ListenerCounters {
  return {
    slot,
    active: 0n,
    accepted: 0n,
    closed: CLOSE_REASONS.map(() => 0n),
    toBackendBytes: 0n,
    toClientBytes: 0n,
    splicedBytes: 0n,
    copiedBytes: 0n,
    turns: 0n,
    acceptPauses: 0n,
    acceptErrors: 0n,
    turnBuckets: NO_BUCKETS,
    turnSumNs: 0n,
    ...some,
  };
}

export function backendCounters(slot: number, some: Partial<BackendCounters> = {}): BackendCounters {
  return {
    slot,
    active: 0n,
    sessions: 0n,
    connects: 0n,
    failures: CONNECT_FAILURES.map(() => 0n),
    retries: 0n,
    toBackendBytes: 0n,
    toClientBytes: 0n,
    warm: 0n,
    warmUsed: 0n,
    warmStale: 0n,
    turns: 0n,
    drained: 0n,
    rebalanced: 0n,
    turnBuckets: NO_BUCKETS,
    turnSumNs: 0n,
    connectBuckets: NO_BUCKETS,
    connectSumNs: 0n,
    ...some,
  };
}

export function workerCounters(some: Partial<WorkerCounters> = {}): WorkerCounters {
  return {
    accepted: 0n,
    loops: 0n,
    events: 0n,
    staleEvents: 0n,
    sessions: 0n,
    pipesOpen: 0n,
    pipesBorrowed: 0n,
    pipeFailures: 0n,
    lowWaterRelays: 0n,
    lowWaterStalls: 0n,
    bufferBytes: 0n,
    records: 0n,
    recordsDropped: 0n,
    ...some,
  };
}

/** The closed list with some reasons counted. */
export function closed(counts: Partial<Record<(typeof CLOSE_REASONS)[number], bigint>>): bigint[] {
  return CLOSE_REASONS.map((reason) => counts[reason] ?? 0n);
}

export function healthOf(pool: string, backend: string, some: Partial<HealthFacts> = {}): HealthFacts {
  return {
    pool,
    backend,
    up: true,
    lastDurationMs: undefined,
    probes: 0,
    failures: 0,
    inconclusive: 0,
    transitions: 0,
    ...some,
  };
}

export interface FakeSource extends MetricsSource {
  listeners: ListenerCounters[];
  backends: BackendCounters[];
  workers: WorkerCounters[];
  namedListeners: NamedListener[];
  namedBackends: NamedBackend[];
  healthFacts: HealthFacts[];
  eventsDropped: bigint;
  phase: 'starting' | 'serving' | 'draining' | 'stopped';
  reads: number;
}

export function fakeSource(): FakeSource {
  const source: FakeSource = {
    listeners: [listenerCounters(1)],
    backends: [backendCounters(2)],
    workers: [workerCounters()],
    namedListeners: [{ slot: 1, name: 'web' }],
    namedBackends: [{ slot: 2, pool: 'app', backend: '127.0.0.1:9001' }],
    healthFacts: [healthOf('app', '127.0.0.1:9001')],
    eventsDropped: 0n,
    phase: 'serving',
    reads: 0,
    engine: () => ({
      latencyBounds: BOUNDS,
      read: () => {
        source.reads += 1;
        const { eventsDropped, listeners, backends, workers } = source;
        return { eventsDropped, generation: 3, listeners, backends, workers };
      },
    }),
    slots: { listeners: () => source.namedListeners, backends: () => source.namedBackends },
    health: () => source.healthFacts,
    names: () => [{ name: 'db.example', staleMs: 1500 }],
    state: () => ({ generation: 4, reloadFailures: 1, phase: source.phase }),
  };
  return source;
}

export interface Page {
  readonly types: ReadonlyMap<string, string>;
  /** The one sample of that name whose labels include these. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  all(name: string): readonly PageSample[];
}

export interface PageSample {
  readonly labels: Readonly<Record<string, string>>;
  /** As printed. */
  readonly text: string;
}

/** Reads the text format; fails on anything that is not exactly that. */
export function readPage(text: string): Page {
  assert.ok(text.endsWith('\n'), 'the page ends with a newline');
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const samples = new Map<string, PageSample[]>();
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z0-9_]+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') helped.add(String(comment[2]));
    else if (comment?.[1] === 'TYPE') types.set(String(comment[2]), String(comment[3]));
    else if (line !== '') readSample(line, samples);
  }
  for (const name of types.keys()) assert.ok(helped.has(name), `${name} has a HELP`);
  return {
    types,
    all: (name) => samples.get(name) ?? [],
    value(name, labels = {}) {
      const found = (samples.get(name) ?? []).filter((sample) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      assert.equal(found.length, 1, `${name}${JSON.stringify(labels)} is there once`);
      return Number(found[0]?.text);
    },
  };
}

function readSample(line: string, samples: Map<string, PageSample[]>): void {
  const sample = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/s.exec(line);
  assert.ok(sample, `not a sample: ${JSON.stringify(line)}`);
  const [, name = '', inside = '', text = ''] = sample;
  const labels: Record<string, string> = {};
  const rest = inside.replaceAll(
    /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/g,
    (_all, label: string, value: string) => {
      assert.ok(!Object.hasOwn(labels, label), `label ${label} once`);
      labels[label] = value.replaceAll(/\\(.)/gs, (_escape, character: string) =>
        character === 'n' ? '\n' : character,
      );
      return '';
    },
  );
  assert.equal(rest, '', `labels that are not well formed: ${line}`);
  const same = samples.get(name) ?? [];
  assert.ok(!same.some((other) => JSON.stringify(other.labels) === JSON.stringify(labels)), `twice: ${line}`);
  samples.set(name, [...same, { labels, text }]);
}
