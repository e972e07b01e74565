// A balancer that remembers what it was told to do and answers what a test says.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type {
  AdminEvent,
  Answer,
  BackendView,
  Operations,
  SampleView,
  SeriesView,
  SessionList,
  StateView,
} from '#src/admin/operations.js';

export function backendView(backend: string, some: Partial<BackendView> = {}): BackendView {
  return {
    backend,
    configured: true,
    up: true,
    code: 'L4OK',
    detail: '',
    for_seconds: 12,
    hold: null,
    drain: null,
    weight: 100,
    configured_weight: 100,
    backup: false,
    max_connections: 0,
    sessions: 3,
    sessions_opened: 1234,
    connect_failures: {},
    retries: 0,
    to_backend_bytes: 10,
    to_client_bytes: 20,
    turn_buckets: [0, 4000, 900, 100],
    mean_turn_seconds: 0.0123,
    mean_connect_seconds: null,
    ...some,
  };
}

export function stateView(some: Partial<StateView> = {}): StateView {
  return {
    version: '1.2.3',
    pid: 42,
    uptime_seconds: 3600,
    clock_seconds: 3600.5,
    phase: 'serving',
    ready: true,
    reasons: [],
    leaving: null,
    generation: 7,
    reload_failures: 0,
    log_level: 'info',
    turn_bounds_seconds: [0.001, 0.01, 0.1],
    listeners: [
      {
        name: 'web',
        listen: ['127.0.0.1:80'],
        pool: 'app',
        max_connections: 1000,
        sessions: 3,
        accepted: 1234,
        closed: { finished: 1231 },
        to_backend_bytes: 1_500_000,
        to_client_bytes: 20_000_000,
        spliced_bytes: 0,
        turns: 5000,
        turn_buckets: [0, 4000, 900, 100],
        errors: 0,
        accept_pauses: 0,
        hold: null,
        drain: null,
      },
    ],
    pools: [
      {
        name: 'app',
        algorithm: 'round_robin',
        backends: [backendView('127.0.0.1:9001'), backendView('[::1]:9002')],
      },
      { name: 'db', algorithm: 'random', backends: [backendView('127.0.0.1:9001')] },
    ],
    workers: [
      { worker: 0, sessions: 3, accepted: 1234, loops: 10, events: 20, pipes_open: 0, buffer_bytes: 0 },
    ],
    ...some,
  };
}

export const SESSIONS: SessionList = {
  sessions: [
    {
      id: '0-12345678901234567890',
      client: '192.0.2.1',
      listener: 'web',
      pool: 'app',
      backend: '127.0.0.1:9001',
      worker: 0,
      age_seconds: 61,
      idle_seconds: 0.5,
      to_backend_bytes: 100,
      to_client_bytes: 2000,
      turns: 3,
    },
  ],
  truncated: true,
};

/** One second in which little happened. */
export function sampleView(seq: number, some: Partial<SampleView> = {}): SampleView {
  return {
    seq,
    at: 1_700_000_000_000 + seq * 1000,
    seconds: 1,
    sessions: 3,
    accepted: 2,
    to_backend_bytes: 1000,
    to_client_bytes: 20_000,
    closed: { finished: 2 },
    errors: 0,
    connect_failures: 0,
    turn_buckets: [0, 3, 1],
    roster: 1,
    states: 'uu',
    worker_sessions: [3],
    worker_accepted: [2],
    ...some,
  };
}

export const SERIES: SeriesView = {
  run: '42-1700000000000',
  every_seconds: 1,
  kept_seconds: 600,
  turn_bounds_seconds: [0.001, 0.01, 0.1],
  rosters: [
    {
      id: 1,
      backends: [
        { pool: 'app', backend: '127.0.0.1:9001' },
        { pool: 'app', backend: '[::1]:9002' },
      ],
      left_out: 0,
    },
  ],
  samples: [sampleView(1), sampleView(2)],
};

export interface FakeOperations extends Operations {
  /** Verbs and what they were given, in order. */
  readonly done: unknown[][];
  /** What the next verbs answer. */
  answer: Answer;
  tell(event: AdminEvent): void;
  listeners(): number;
}

export function fakeOperations(state: StateView = stateView()): FakeOperations {
  const listeners = new Set<(event: AdminEvent) => void>();
  const done: unknown[][] = [];
  const did = (...what: unknown[]): Answer => {
    done.push(what);
    return operations.answer;
  };
  const operations: FakeOperations = {
    done,
    answer: { ok: true },
    tell: (event) => {
      for (const listener of listeners) listener(event);
    },
    listeners: () => listeners.size,
    state: () => state,
    series: (after) => ({ ...SERIES, samples: SERIES.samples.filter(({ seq }) => seq > after) }),
    sessions(filter, limit) {
      did('sessions', filter, limit);
      return SESSIONS;
    },
    kill: (id) => did('kill', id),
    reload() {
      const answer = did('reload');
      return Promise.resolve(answer.ok ? { ...answer, generation: 8 } : answer);
    },
    setWeight: (pool, backend, weight) => did('weight', pool, backend, weight),
    hold: (pool, backend, hold, ...drain) => did(hold, pool, backend, ...drain),
    drainListener: (listener, ...drain) => Promise.resolve(did('drain-listener', listener, ...drain)),
    releaseListener: (listener) => Promise.resolve(did('ready-listener', listener)),
    release: (pool, backend) => did('ready', pool, backend),
    add: (pool, backend) => Promise.resolve(did('add', pool, backend)),
    remove: (pool, backend) => Promise.resolve(did('remove', pool, backend)),
    setLogLevel: (level) => void did('log-level', level),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return operations;
}

export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'admin-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
