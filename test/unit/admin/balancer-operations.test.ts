// Views and verbs over a balancer that is made up: a real config, real overrides, counters and health as a test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancerOperations } from '#src/admin/balancer-operations.js';
import type { Operations } from '#src/admin/operations.js';
import { newBackendSchema, sessionListSchema, stateSchema } from '#src/admin/schemas.js';
import { listSessions } from '#src/admin/session-views.js';
import type { Outcome } from '#src/balancer.js';
import type { Config } from '#src/config/config.js';
import { loadConfigText } from '#src/config/load.js';
import { createListenerHolds } from '#src/drain/listener-holds.js';
import type { Counters, Engine, SessionInfo } from '#src/engine/engine.js';
import type { BackendHealth } from '#src/health/health.js';
import { createLog, type LogRecord } from '#src/log.js';
import { createOverrideStore } from '#src/overrides.js';
import { backendCounters, closed, listenerCounters, workerCounters } from '../metrics/fake-source.ts';

const TEXT = `
listeners:
  web: { listen: 127.0.0.1:8080, pool: app, max_connections: 50 }
pools:
  app:
    algorithm: random
    backends:
      - { host: 127.0.0.1, port: 9001, weight: 10, max_connections: 5 }
      - { host: "::1", port: 9002, weight: 20, backup: true }
  lonely:
    backends: [ { host: 127.0.0.1, port: 9003 } ]
`;

function configOf(text: string): Config {
  const loaded = loadConfigText('test.yaml', text);
  assert.ok(loaded.ok);
  return loaded.config;
}

function session(n: number, some: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: BigInt(n),
    worker: 0,
    listener: 1,
    backend: 2,
    client: `192.0.2.${n}`,
    ageMs: 1500,
    idleMs: 20,
    toBackendBytes: 1n,
    toClientBytes: 2n,
    turns: 1,
    ...some,
  };
}

interface World {
  readonly operations: Operations;
  readonly records: LogRecord[];
  readonly killed: [number, bigint][];
  readonly begun: unknown[][];
  config: Config;
  counters: Counters;
  sessions: readonly SessionInfo[];
  health: readonly BackendHealth[];
  outcome: Outcome;
  slots: {
    listeners(): { slot: number; name: string }[];
    backends(): { slot: number; pool: string; backend: string }[];
  };
  readonly engine: Pick<Engine, 'sessions'>;
}

function world(): World {
  const killed: [number, bigint][] = [];
  const begun: unknown[][] = [];
  const records: LogRecord[] = [];
  const engine: Engine = {
    apply: () => undefined,
    read: () => made.counters,
    drain: () => undefined,
    shed: () => undefined,
    stop: () => undefined,
    sessions: (limit) => made.sessions.slice(0, limit),
    takeEnded: () => [],
    kill: (worker, id) => void killed.push([worker, id]),
    latencyBounds: [],
  };
  const slots = {
    listeners: () => [{ slot: 1, name: 'web' }],
    backends: () => [
      { slot: 2, pool: 'app', backend: '127.0.0.1:9001' },
      { slot: 3, pool: 'app', backend: '10.9.9.9:1' },
    ],
  };
  const balancer = {
    config: () => made.config,
    engine: () => engine,
    slots: slots as never,
    health: () => made.health,
    state: () => ({ generation: 5, reloadFailures: 2, ready: true, phase: 'serving' as const }),
    reload: () => Promise.resolve(made.outcome),
  };
  const log = createLog(
    { level: 'info', format: 'json', file: '' },
    {
      createWriter: () => ({
        write: () => true,
        moveTo: () => ({ ok: true }),
        reopen: () => ({ ok: true }),
        flush: () => Promise.resolve(),
        dropped: () => 0,
        written: () => 0,
        pending: () => 0,
        close: () => undefined,
      }),
    },
  );
  log.listen((record) => records.push(record));
  const store = createOverrideStore({ config: () => made.config, touch: () => undefined });
  const drains = {
    begin: (...what: unknown[]) => void begun.push(what),
    onApplied: () => undefined,
    onConfig: () => undefined,
    of: () => undefined,
    close: () => undefined,
  };
  const holds = createListenerHolds();
  const operations = createBalancerOperations({
    balancer,
    store,
    keeper: { drains, holds },
    log,
    version: '9.8.7',
    change(make) {
      const wanted = make(made.config);
      if (made.outcome.ok) made.config = wanted;
      return Promise.resolve(made.outcome);
    },
  });
  const made: World = {
    operations,
    records,
    killed,
    begun,
    engine,
    slots,
    config: configOf(TEXT),
    counters: {
      eventsDropped: 0n,
      generation: 5,
      listeners: [],
      backends: [],
      workers: [workerCounters({ sessions: 4n, accepted: 6n })],
    },
    sessions: [],
    health: [],
    outcome: { ok: true },
  };
  return made;
}

function healthOf(pool: string, backend: string, up: boolean): BackendHealth {
  return {
    pool,
    backend,
    up,
    code: up ? 'L4OK' : 'L4CON',
    detail: up ? '' : 'refused',
    lastDurationMs: 1,
    lastAgeMs: 1,
    forMs: 90_400,
    rising: 0,
    falling: 0,
    probes: 1,
    failures: 0,
    inconclusive: 0,
    transitions: 0,
  };
}

test('a drain is begun as it was asked for, of what is there', async () => {
  const made = world();
  const backend = { kind: 'backend', pool: 'app', backend: '127.0.0.1:9001' };
  made.operations.hold('app', '127.0.0.1:9001', 'drain');
  const options = { timeout: 1.5, rate: 'even', order: 'oldest', idle: 0.0001 } as const;
  made.operations.hold('app', '127.0.0.1:9001', 'drain', options);
  assert.deepEqual(made.begun, [
    [backend, { timeout: 0, rate: 0, order: 'idle', idle: 1000 }],
    [backend, { timeout: 1500, rate: 'even', order: 'oldest', idle: 1 }],
  ]);
  made.operations.hold('app', 'nope:1', 'drain');
  made.operations.hold('app', '127.0.0.1:9001', 'maintenance');
  assert.deepEqual(await made.operations.drainListener('nope'), {
    ok: false,
    kind: 'unknown',
    message: 'there is no listener nope',
  });
  assert.equal(made.begun.length, 2);
  assert.deepEqual(await made.operations.drainListener('web', options), { ok: true });
  assert.deepEqual(made.begun.at(-1)?.[0], { kind: 'listener', listener: 'web' });
  assert.equal(made.operations.state().listeners[0]?.hold, 'drain');
});

test('a listener that cannot listen again stays drained, and says why', async () => {
  const made = world();
  assert.deepEqual(await made.operations.drainListener('web'), { ok: true });
  made.outcome = { ok: false, message: 'address already in use' };
  assert.deepEqual(await made.operations.releaseListener('web'), {
    ok: false,
    kind: 'refused',
    message: 'address already in use',
  });
  assert.equal(made.operations.state().listeners[0]?.hold, 'drain');
  made.outcome = { ok: true };
  assert.deepEqual(await made.operations.releaseListener('web'), { ok: true });
  assert.equal(made.operations.state().listeners[0]?.hold, null);
});

test('the state: what is configured, counted, known of health, and changed', () => {
  const made = world();
  made.counters = {
    ...made.counters,
    listeners: [
      listenerCounters(1, { active: 3n, accepted: 9n, closed: closed({ finished: 5n, killed: 1n }) }),
    ],
    backends: [
      backendCounters(2, {
        active: 2n,
        turns: 4n,
        turnSumNs: 2_000_000_000n,
        failures: [7n, 0n, 0n, 0n, 0n, 0n],
      }),
      backendCounters(3, { active: 1n }),
    ],
  };
  made.health = [
    healthOf('app', '127.0.0.1:9001', true),
    healthOf('app', '[::1]:9002', false),
    healthOf('lonely', '127.0.0.1:9003', false),
  ];
  assert.deepEqual(made.operations.setWeight('app', '127.0.0.1:9001', 3), { ok: true });
  assert.deepEqual(made.operations.hold('app', '[::1]:9002', 'maintenance'), { ok: true });
  const state = made.operations.state();
  assert.deepEqual(stateSchema.safeParse(state).error?.issues ?? [], []);
  assert.deepEqual(
    [state.version, state.phase, state.ready, state.reasons, state.generation, state.reload_failures],
    ['9.8.7', 'serving', true, ['pool lonely has no backend that is up'], 5, 2],
  );
  const [web] = state.listeners;
  assert.deepEqual(
    [web?.listen, web?.sessions, web?.accepted, web?.closed, web?.max_connections],
    [['127.0.0.1:8080'], 3, 9, { finished: 5, killed: 1 }, 50],
  );
  const [one, two, gone] = state.pools[0]?.backends ?? [];
  assert.deepEqual(
    [
      one?.weight,
      one?.configured_weight,
      one?.up,
      one?.sessions,
      one?.mean_turn_seconds,
      one?.connect_failures,
      one?.for_seconds,
    ],
    [3, 10, true, 2, 0.5, { refused: 7 }, 90],
  );
  assert.deepEqual(
    [two?.backend, two?.hold, two?.up, two?.detail, two?.backup, two?.mean_turn_seconds],
    ['[::1]:9002', 'maintenance', false, 'refused', true, null],
  );
  assert.deepEqual([gone?.backend, gone?.configured, gone?.sessions], ['10.9.9.9:1', false, 1]);
  assert.deepEqual(state.workers, [
    { worker: 0, sessions: 4, accepted: 6, loops: 0, events: 0, pipes_open: 0, buffer_bytes: 0 },
  ]);
  made.counters = { ...made.counters, backends: [backendCounters(3)] };
  assert.equal(
    made.operations.state().pools[0]?.backends.length,
    2,
    'a removed backend goes with its last session',
  );
});

test('verbs on a backend that is not there are told apart from those that make no sense', () => {
  const { operations } = world();
  for (const answer of [
    operations.setWeight('app', 'x:1', 1),
    operations.hold('nope', '127.0.0.1:9001', 'drain'),
    operations.release('app', ''),
  ]) {
    assert.ok(!answer.ok && answer.kind === 'unknown');
  }
  const answer = operations.setWeight('app', '127.0.0.1:9001', 1e9);
  assert.ok(!answer.ok && answer.kind === 'invalid');
  assert.deepEqual(operations.release('app', '127.0.0.1:9001'), { ok: true });
});

test('a reload tells the generation, or why it is refused', async () => {
  const made = world();
  assert.deepEqual(await made.operations.reload(), { ok: true, generation: 5 });
  made.outcome = { ok: false, message: 'test.yaml:1:1: no\n' };
  assert.deepEqual(await made.operations.reload(), {
    ok: false,
    kind: 'refused',
    message: 'test.yaml:1:1: no',
  });
});

test('backends come and go in the config that is in force', async () => {
  const made = world();
  const { operations } = made;
  const fresh = { host: 'db.example', port: 1, weight: 7, max_connections: 0, backup: false };
  const names = (): string[] =>
    made.config.pools.flatMap(({ backends }) => backends.map(({ host, port }) => `${host}:${port}`));
  const before = made.config;
  assert.deepEqual(await operations.add('app', fresh), { ok: true });
  assert.deepEqual(names(), ['127.0.0.1:9001', '::1:9002', 'db.example:1', '127.0.0.1:9003']);
  assert.equal(before.pools[0]?.backends.length, 2, 'the config that was in force is as it was');
  assert.deepEqual(await operations.remove('app', '[::1]:9002'), { ok: true });
  assert.deepEqual(names(), ['127.0.0.1:9001', 'db.example:1', '127.0.0.1:9003']);
  const config = made.config;
  const refusals = [
    [await operations.add('nope', fresh), 'unknown'],
    [await operations.add('app', { ...fresh, host: 'DB.example.' }), 'refused'],
    [await operations.add('app', { ...fresh, host: '::ffff:127.0.0.1', port: 9001 }), 'refused'],
    [await operations.remove('app', 'x:1'), 'unknown'],
    [await operations.remove('nope', 'x:1'), 'unknown'],
    [await operations.remove('lonely', '127.0.0.1:9003'), 'refused'],
  ] as const;
  for (const [answer, kind] of refusals)
    assert.ok(!answer.ok && answer.kind === kind, JSON.stringify(answer));
  assert.equal(made.config, config);
  made.outcome = { ok: false, message: 'it is not serving' };
  assert.deepEqual(await operations.add('app', { ...fresh, port: 2 }), {
    ok: false,
    kind: 'refused',
    message: 'it is not serving',
  });
});

test('what no file may say cannot be said at run time either', async () => {
  const made = world();
  const before = made.config;
  const circle = { host: '127.0.0.1', port: 8080, weight: 1, max_connections: 0, backup: false };
  assert.deepEqual(await made.operations.add('app', circle), {
    ok: false,
    kind: 'refused',
    message: "this backend is the listener 'web' itself",
  });
  assert.equal(made.config, before);
});

test('a backend that is added has the defaults of the config', () => {
  const [pool] = configOf('listen: 1\nbackends: [ { host: "::1", port: 2 } ]').pools;
  assert.deepEqual(newBackendSchema.parse({ host: '::1', port: 2 }), pool?.backends[0]);
});

test('sessions by name, some of them, those that are wanted', () => {
  const made = world();
  made.sessions = [
    session(1),
    session(2, { client: '2001:db8::1' }),
    session(3, { backend: -1 }),
    session(4),
  ];
  const list = (
    filter: Parameters<typeof listSessions>[1],
    limit: number = 100,
  ): { ids: string[]; truncated: boolean } => {
    const found = made.operations.sessions(filter, limit);
    assert.deepEqual(sessionListSchema.safeParse(found).error?.issues ?? [], []);
    return { ids: found.sessions.map(({ id }) => id), truncated: found.truncated };
  };
  assert.deepEqual(list({}), { ids: ['0-1', '0-2', '0-3', '0-4'], truncated: false });
  assert.deepEqual(list({}, 4), { ids: ['0-1', '0-2', '0-3', '0-4'], truncated: false });
  assert.deepEqual(list({}, 3), { ids: ['0-1', '0-2', '0-3'], truncated: true });
  assert.deepEqual(list({ client: '2001:db8::1' }).ids, ['0-2']);
  assert.deepEqual(list({ client: '192.0.2.4' }).ids, ['0-4']);
  assert.deepEqual(list({ backend: '127.0.0.1:9001', listener: 'web' }).ids, ['0-1', '0-2', '0-4']);
  assert.deepEqual(list({ backend: '' }).ids, ['0-3']);
  assert.deepEqual(list({ pool: 'app' }, 1), { ids: ['0-1'], truncated: true });
  assert.deepEqual(list({ listener: 'other' }), { ids: [], truncated: false });
});

test('a session is ended by the id that the list told', () => {
  const { operations, killed } = world();
  assert.deepEqual(operations.kill(`0-${2n ** 64n - 1n}`), { ok: true });
  assert.deepEqual(killed, [[0, 2n ** 64n - 1n]]);
  for (const id of ['', '0', '0-', '-1-5', '0-x', `0-${2n ** 64n}`, '0-1-2', ' 0-1']) {
    const answer = operations.kill(id);
    assert.ok(!answer.ok && answer.kind === 'invalid', id);
  }
  const elsewhere = operations.kill('1-5');
  assert.ok(!elsewhere.ok && elsewhere.kind === 'unknown');
  assert.equal(killed.length, 1);
});

test('what is logged is what those who watch are told', () => {
  const { operations, records } = world();
  const seen: unknown[] = [];
  const stop = operations.listen(({ event, level, message }) => seen.push([event, level, message]));
  operations.setLogLevel('debug');
  stop();
  operations.setLogLevel('info');
  assert.deepEqual(seen, [['log-level', 'info', 'the log level is debug']]);
  assert.equal(records.length, 2);
});
