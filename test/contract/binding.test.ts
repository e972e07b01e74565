// The addon's surface, function by function: a good call, each bad argument, each error, calls in the wrong order.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';

import type { Binding, CoreHandle } from '#src/engine/binding.js';
import {
  CLOSE_REASONS,
  CONNECT_FAILURES,
  type EngineEvent,
  type ShedOrder,
  type Snapshot,
} from '#src/engine/engine.js';
import { loadBinding } from '#src/engine/load.js';
import { COLUMNS, createRecordReader } from '#src/engine/records.js';

function addon(): Binding {
  const loaded = loadBinding();
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.message);
  return loaded.binding;
}

const binding = addon();

const OPTIONS = {
  noDelay: true,
  quickAck: false,
  keepAlive: true,
  keepAliveIdleMs: 75_000,
  keepAliveIntervalMs: 15_000,
  keepAliveCount: 4,
  userTimeoutMs: 0,
  deferAcceptMs: 0,
  fastOpen: 0,
  receiveBuffer: 0,
  sendBuffer: 0,
  congestion: '',
};

function snapshot(port: number, backendPort: number, generation = 1): Snapshot {
  return {
    generation,
    workers: 1,
    cpus: [],
    listeners: [
      {
        slot: 1,
        name: 'l',
        addresses: [{ host: '127.0.0.1', port }],
        pool: 2,
        backlog: 128,
        maxConnections: 0,
        retries: 0,
        maxTurns: 0,
        bufferSize: 8192,
        maxBufferSize: 65_536,
        splice: 'auto',
        pipeSize: 65_536,
        timeouts: {
          connectMs: 1000,
          readMs: 0,
          writeMs: 0,
          idleMs: 5000,
          halfCloseMs: 5000,
          firstByteMs: 0,
          sessionMs: 0,
          sessionJitter: 0,
        },
        options: OPTIONS,
      },
    ],
    pools: [
      {
        slot: 2,
        name: 'p',
        backends: [
          { slot: 3, address: { host: '127.0.0.1', port: backendPort }, weight: 1, maxConnections: 0 },
        ],
        plan: { kind: 'sequence', members: [0], table: Uint16Array.of(0) },
        options: OPTIONS,
        failureThreshold: 0,
        preconnect: { min: 0, max: 0, timeoutMs: 0 },
      },
    ],
  };
}

const SHED: ShedOrder = {
  scope: 'backend',
  slot: 3,
  first: 'idle',
  rate: 100,
  even: false,
  idleMs: 0,
  most: 0,
  deadlineMs: 0,
  lifetimeMs: 0,
  reason: 'rebalanced',
};

/** A core, what it told, and a way to wait for that. */
function core(): {
  handle: CoreHandle;
  told: EngineEvent[];
  event(type: EngineEvent['type']): Promise<EngineEvent>;
} {
  const told: EngineEvent[] = [];
  const waiting: (() => void)[] = [];
  const handle = binding.create((events) => {
    told.push(...events);
    waiting.splice(0).forEach((wake) => wake());
  });
  return {
    handle,
    told,
    async event(type) {
      for (;;) {
        const found = told.find((event) => event.type === type);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

async function stop(c: ReturnType<typeof core>): Promise<void> {
  binding.stop(c.handle);
  await c.event('stopped');
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

test('names and their order are the same on both sides', () => {
  assert.deepEqual(binding.closeReasons, [...CLOSE_REASONS]);
  assert.deepEqual(binding.connectFailures, [...CONNECT_FAILURES]);
  assert.deepEqual(
    [...binding.latencyBounds].sort((a, b) => a - b),
    binding.latencyBounds,
  );
});

test('records have exactly the columns that are read', () => {
  assert.deepEqual([...binding.recordColumns].sort(), [...COLUMNS].sort());
});

test('records tell of sessions that have ended, each once, where a snapshot asks for them', async () => {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  const backend = await listening(echo);
  const c = core();
  const port = await freePort();
  const reasons = CLOSE_REASONS.map((_, at) => at);
  binding.apply(c.handle, { ...snapshot(port, backend), recording: { perMillion: 1_000_000, reasons } });
  assert.equal(binding.records(c.handle, 10).values.length, 0);
  const client = connect(port, '127.0.0.1');
  const clientPort = await once(client, 'connect').then(() => client.localPort);
  client.end('12345');
  client.resume();
  await once(client, 'close');
  const read = createRecordReader(binding.recordColumns);
  let records: ReturnType<typeof read> = [];
  while (records.length === 0) {
    records = read(binding.records(c.handle, 10));
    await new Promise(setImmediate);
  }
  const [record] = records;
  assert.deepEqual(
    [record?.reason, record?.listener, record?.pool, record?.backend, record?.toBackendBytes],
    ['finished', 1, 2, 3, 5],
  );
  assert.deepEqual(
    [record?.client, record?.clientPort, record?.local, record?.localPort],
    ['127.0.0.1', clientPort, '127.0.0.1', port],
  );
  assert.ok((record?.clientTcp.rttMs ?? 0) > 0);
  assert.equal(binding.records(c.handle, 10).values.length, 0);
  for (const limit of [0, 1e6, 'many' as never])
    assert.throws(() => binding.records(c.handle, limit), { code: 'ERR_INVALID_ARG_TYPE' });
  echo.close();
  await stop(c);
});

test('what is no core is refused by every function', () => {
  const wrong = [undefined, null, 1, {}, () => undefined] as unknown as CoreHandle[];
  for (const handle of wrong) {
    for (const call of [
      () => binding.apply(handle, snapshot(1, 1)),
      () => binding.read(handle),
      () => binding.drain(handle, 1),
      () => binding.shed(handle, SHED),
      () => binding.stop(handle),
      () => binding.sessions(handle, 1),
      () => binding.records(handle, 1),
      () => binding.kill(handle, 0, 1n),
    ]) {
      assert.throws(call, { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    }
  }
  assert.throws(() => binding.create(undefined as never), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('a snapshot that makes no sense is refused with the place, and nothing is bound', async () => {
  const c = core();
  const port = await freePort();
  const good = snapshot(port, 9);
  const [listener, pool] = [good.listeners[0], good.pools[0]] as never as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /snapshot is not an object/],
    [[], /snapshot is not an object/],
    [{ ...good, generation: 0 }, /snapshot\.generation/],
    [{ ...good, generation: '1' }, /snapshot\.generation/],
    [{ ...good, workers: 0 }, /snapshot\.workers/],
    [{ ...good, recording: 1 }, /snapshot\.recording is not an object/],
    [{ ...good, recording: { perMillion: 1e7, reasons: [] } }, /recording\.perMillion/],
    [{ ...good, recording: { perMillion: 1, reasons: [99] } }, /recording\.reasons/],
    [{ ...good, workers: 65 }, /snapshot\.workers/],
    [{ ...good, cpus: ['0'] }, /snapshot\.cpus/],
    [{ ...good, listeners: {} }, /snapshot\.listeners is not an array/],
    [{ ...good, listeners: [{ ...listener, pool: 99 }] }, /listeners\[0\]\.pool is not there/],
    [{ ...good, listeners: [listener, listener] }, /uses a slot twice/],
    [
      { ...good, listeners: [{ ...listener, addresses: [{ host: 'localhost', port }] }] },
      /addresses\[0\]\.host is not a numeric/,
    ],
    [
      { ...good, listeners: [{ ...listener, addresses: [{ host: '127.0.0.1', port: 0 }] }] },
      /addresses\[0\]\.port/,
    ],
    [{ ...good, listeners: [{ ...listener, bufferSize: 1e6 }] }, /bufferSize is above maxBufferSize/],
    [{ ...good, listeners: [{ ...listener, splice: 'maybe' }] }, /splice/],
    [{ ...good, listeners: [{ ...listener, timeouts: {} }] }, /timeouts\.connectMs/],
    [
      { ...good, listeners: [{ ...listener, options: { ...OPTIONS, noDelay: 1 } }] },
      /options\.noDelay is not a boolean/,
    ],
    [
      { ...good, pools: [{ ...pool, plan: { kind: 'best', members: [], table: new Uint16Array() } }] },
      /plan\.kind is no plan/,
    ],
    [
      { ...good, pools: [{ ...pool, plan: { kind: 'sequence', members: [1], table: Uint16Array.of(0) } }] },
      /plan\.members/,
    ],
    [
      {
        ...good,
        pools: [{ ...pool, plan: { kind: 'sequence', members: [0, 0], table: Uint16Array.of(0) } }],
      },
      /twice/,
    ],
    [
      { ...good, pools: [{ ...pool, plan: { kind: 'sequence', members: [0], table: Uint16Array.of(7) } }] },
      /plan\.table/,
    ],
    [
      { ...good, pools: [{ ...pool, plan: { kind: 'sequence', members: [0], table: new Uint16Array() } }] },
      /table is empty/,
    ],
    [{ ...good, pools: [{ ...pool, plan: { kind: 'hash', members: [0], table: [0] } }] }, /Uint16Array/],
    [{ ...good, pools: [{ ...pool, preconnect: { min: 2, max: 1, timeoutMs: 0 } }] }, /min is above max/],
  ];
  for (const [value, message] of bad) {
    assert.throws(() => binding.apply(c.handle, value as Snapshot), {
      code: 'ERR_INVALID_ARG_TYPE',
      message,
    });
  }
  await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
  await stop(c);
});

test('a port in use is a Node-shaped error, and what ran before runs on', async () => {
  const busy = createServer();
  const taken = await listening(busy);
  const echo = createServer((socket) => socket.pipe(socket));
  const backend = await listening(echo);
  const c = core();
  const port = await freePort();
  binding.apply(c.handle, snapshot(port, backend));
  await c.event('applied');
  const second = snapshot(port, backend, 2);
  const both = {
    ...second,
    listeners: [
      {
        ...second.listeners[0],
        addresses: [...(second.listeners[0]?.addresses ?? []), { host: '127.0.0.1', port: taken }],
      },
    ],
  } as Snapshot;
  assert.throws(() => binding.apply(c.handle, both), {
    code: 'EADDRINUSE',
    syscall: 'bind',
    address: '127.0.0.1',
    port: taken,
  });
  const client = connect(port, '127.0.0.1');
  client.write('still here');
  const [data] = (await once(client, 'data')) as [Buffer];
  assert.equal(data.toString(), 'still here');
  assert.equal(binding.read(c.handle).generation, 1);
  client.destroy();
  busy.close();
  echo.close();
  await stop(c);
});

test('counters, sessions and kill tell of a session', async () => {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  const backend = await listening(echo);
  const c = core();
  const port = await freePort();
  binding.apply(c.handle, snapshot(port, backend));
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('12345');
  await once(client, 'data');
  const counters = binding.read(c.handle);
  assert.equal(counters.listeners[0]?.active, 1n);
  assert.equal(counters.listeners[0]?.accepted, 1n);
  assert.equal(counters.listeners[0]?.toBackendBytes, 5n);
  assert.equal(counters.backends[0]?.slot, 3);
  assert.equal(counters.backends[0]?.turns, 1n);
  assert.equal(
    counters.backends[0]?.turnBuckets.reduce((a, b) => a + b),
    1n,
  );
  assert.throws(() => binding.sessions(c.handle, 0), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => binding.drain(c.handle, -1), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => binding.kill(c.handle, 0, 1 as never), { code: 'ERR_INVALID_ARG_TYPE' });
  const [session] = binding.sessions(c.handle, 10);
  assert.equal(session?.client, '127.0.0.1');
  assert.equal(session?.backend, 3);
  assert.equal(session?.turns, 1);
  binding.kill(c.handle, session.worker, session.id);
  await once(client, 'close');
  const killed = CLOSE_REASONS.indexOf('killed');
  assert.equal(binding.read(c.handle).listeners[0]?.closed[killed], 1n);
  binding.kill(c.handle, session.worker, session.id); // gone: harmless
  echo.close();
  await stop(c);
});

test('an order to end sessions ends those of its slot, and one that makes no sense is refused', async () => {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  const backend = await listening(echo);
  const c = core();
  const port = await freePort();
  binding.apply(c.handle, snapshot(port, backend));
  const client = connect(port, '127.0.0.1');
  client.write('12345');
  await once(client, 'data');
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ scope: 'pool' }, /order\.scope/],
    [{ slot: -1 }, /order\.slot/],
    [{ first: 'best' }, /first is not idle or oldest/],
    [{ rate: NaN }, /order\.rate/],
    [{ even: 1 }, /order\.even/],
    [{ deadlineMs: -1 }, /order\.deadlineMs/],
    [{ reason: 'killed' }, /order\.reason/],
  ];
  for (const [wrong, message] of bad) {
    const code = 'ERR_INVALID_ARG_TYPE';
    assert.throws(() => binding.shed(c.handle, { ...SHED, ...wrong }), { code, message });
  }
  assert.throws(() => binding.drain(c.handle, 1, { ...SHED, rate: -1 }), { message: /pace\.rate/ });
  binding.shed(c.handle, { ...SHED, slot: 99 });
  binding.shed(c.handle, { ...SHED, scope: 'listener', slot: 99 });
  assert.equal(binding.read(c.handle).backends[0]?.active, 1n);
  binding.shed(c.handle, SHED);
  await once(client, 'close');
  const [counters] = binding.read(c.handle).backends;
  assert.deepEqual([counters?.active, counters?.rebalanced, counters?.drained], [0n, 1n, 0n]);
  echo.close();
  await stop(c);
});

test('stop twice is harmless, and nothing is applied after it or after drain', async () => {
  const c = core();
  const port = await freePort();
  binding.apply(c.handle, snapshot(port, 9));
  binding.drain(c.handle, 1000);
  assert.throws(() => binding.apply(c.handle, snapshot(port, 9, 2)), { code: 'ECANCELED' });
  await c.event('drained');
  binding.stop(c.handle);
  binding.stop(c.handle);
  await c.event('stopped');
  binding.stop(c.handle);
  assert.throws(() => binding.apply(c.handle, snapshot(port, 9, 3)), { code: 'ECANCELED' });
  assert.equal(c.told.filter((event) => event.type === 'stopped').length, 1);
});

test('a core that never ran stops as well', async () => {
  await stop(core());
});
