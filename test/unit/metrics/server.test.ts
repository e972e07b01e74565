import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createMetrics, type Metrics } from '#src/metrics/registry.js';
import { type MetricsServer, startMetricsServer } from '#src/metrics/server.js';
import { within } from '../../helpers/deadline.ts';
import { fakeSource, type FakeSource } from './fake-source.ts';

interface Running {
  readonly source: FakeSource;
  readonly metrics: Metrics;
  readonly server: MetricsServer;
  get(path: string, init?: RequestInit): Promise<Response>;
}

async function start(t: TestContext, path: string = '/metrics'): Promise<Running> {
  const source = fakeSource();
  const metrics = createMetrics(source, undefined, { node: () => Promise.resolve('') });
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, path }, metrics, () => ({
    generation: 5,
  }));
  t.after(() => server.close());
  return { source, metrics, server, get: (at, init) => fetch(`http://127.0.0.1:${server.port}${at}`, init) };
}

async function socketTo(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test('the page has the type that Prometheus asks for, at the path that is configured', async (t) => {
  const { get } = await start(t, '/some/where');
  const answer = await get('/some/where');
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(await answer.text(), /^active_connections\{listener="web"\} 0$/m);
  assert.equal((await get('/metrics')).status, 404);
  assert.equal((await get('/some/where', { method: 'HEAD' })).status, 200);
  assert.equal((await get('/some/where', { method: 'POST', body: 'x' })).status, 404);
});

test('/readyz says whether and why not, /healthz that it lives', async (t) => {
  const { get, source } = await start(t);
  const ready = await get('/readyz');
  assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
  source.phase = 'draining';
  const draining = await get('/readyz');
  assert.deepEqual([draining.status, await draining.json()], [503, { ready: false, reasons: ['draining'] }]);
  const health = await get('/healthz');
  assert.deepEqual([health.status, await health.json()], [200, { alive: true, generation: 5 }]);
});

test('a page that cannot be made is a plain 500, and the next one is made', async (t) => {
  const { get, source } = await start(t);
  const { engine } = source;
  source.engine = () => {
    throw new Error('no\nengine');
  };
  const answer = await get('/metrics');
  assert.deepEqual([answer.status, await answer.json()], [500, { error: 'no\\nengine' }]);
  source.engine = engine;
  assert.equal((await get('/metrics')).status, 200);
});

test('an address that is taken is an error with code, address and port', async (t) => {
  const holder = createServer();
  holder.listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const metrics = createMetrics(fakeSource(), undefined, { node: () => Promise.resolve('') });
  await assert.rejects(startMetricsServer({ host: '127.0.0.1', port, path: '/metrics' }, metrics), {
    code: 'EADDRINUSE',
    address: '127.0.0.1',
    port,
  });
});

test('an address that is not of this machine is told so', async () => {
  const metrics = createMetrics(fakeSource(), undefined, { node: () => Promise.resolve('') });
  const options = { host: '192.0.2.1', port: 0, path: '/metrics' };
  await assert.rejects(startMetricsServer(options, metrics), { code: 'EADDRNOTAVAIL', address: '192.0.2.1' });
});

test('close ends connections that are idle or have said half a request, and the port is free', async (t) => {
  const { server, get } = await start(t);
  await (await get('/healthz')).text();
  const half = await socketTo(t, server.port);
  half.write('GET /metrics HTT');
  await (await get('/healthz')).text();
  const ended = once(half, 'close');
  await within(server.close(), 'the end of the server');
  await ended;
  const again = createServer();
  again.listen(server.port, '127.0.0.1');
  await once(again, 'listening');
  again.close();
  await server.close();
});

test('more connections than are allowed are closed, and those that are there go on', async (t) => {
  const { server } = await start(t);
  const first = await socketTo(t, server.port);
  const held: Socket[] = [];
  for (let count = 1; count < 64; count += 1) held.push(await socketTo(t, server.port));
  const extra = await socketTo(t, server.port);
  await once(extra, 'close');
  first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = (await once(first, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200/);
});

test('headers without end are refused', async (t) => {
  const { server } = await start(t);
  const socket = await socketTo(t, server.port);
  socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 431/);
});

test('released, it lets nobody in, answers what is under way as ever, and closes', async (t) => {
  const metrics = createMetrics(fakeSource(), undefined, { node: () => Promise.resolve('') });
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  let asked: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (asked = resolve));
  const slow: Metrics = {
    ...metrics,
    async scrape() {
      asked();
      await held;
      return metrics.scrape();
    },
  };
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, path: '/metrics' }, slow);
  t.after(() => server.close());
  const page = fetch(`http://127.0.0.1:${server.port}/metrics`);
  await begun;
  server.release();
  const late = connect(server.port, '127.0.0.1');
  const [refusal] = (await once(late, 'error')) as [NodeJS.ErrnoException];
  assert.equal(refusal.code, 'ECONNREFUSED');
  goOn();
  assert.equal((await page).status, 200);
  await server.close();
});
