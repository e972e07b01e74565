// The metrics page: every name from the start, exact numbers, valid text whatever things are called.

import assert from 'node:assert/strict';

import { at, session } from '../helpers/balancer.ts';
import { refusingPort } from '../helpers/black-hole.ts';
import { freePort } from '../helpers/machine.ts';
import { get } from '../helpers/metrics-page.ts';
import { payload } from '../helpers/payload.ts';
import { echo } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

inOneMode('every name is there from the start, at 0 where nothing has happened', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  const page = await lb.metrics();
  const listener = { listener: 'default' };
  const who = { pool: 'default', backend: backend.key };
  for (const [name, labels] of [
    ['active_connections', listener],
    ['ultrabalancer_l4_sessions_total', listener],
    ['ultrabalancer_l4_sessions_closed_total', { ...listener, reason: 'finished' }],
    ['ultrabalancer_l4_sessions_closed_total', { ...listener, reason: 'client_reset' }],
    ['ultrabalancer_l4_relayed_bytes_total', { ...listener, direction: 'to_backend' }],
    ['ultrabalancer_l4_relayed_bytes_total', { ...listener, direction: 'to_client' }],
    ['ultrabalancer_l4_backend_sessions', who],
    ['ultrabalancer_l4_connect_failures_total', { ...who, reason: 'refused' }],
    ['ultrabalancer_l4_retries_total', { pool: 'default' }],
    ['ultrabalancer_l4_accept_pauses_total', listener],
    ['ultrabalancer_l4_spliced_bytes_total', listener],
    ['ultrabalancer_l4_reload_failures_total', {}],
  ] as const) {
    assert.equal(page.get(name, labels), 0, name);
  }
  assert.equal(page.get('ultrabalancer_l4_backend_up', who), 1);
  assert.ok(page.get('ultrabalancer_l4_config_generation') >= 1);
  for (const family of [
    'request_duration_seconds',
    'backend_response_time',
    'error_rate',
    'requests_per_second',
  ]) {
    assert.ok(
      page.samples.some(({ name }) => name.startsWith(family)),
      `${family} is missing`,
    );
  }
});

inBothModes('sessions, ends and bytes are exact', async (lab, splice) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice });
  let bytes = 0;
  for (let i = 0; i < 10; i += 1) {
    const client = await lb.connect();
    const size = 1 + i * 30_011;
    client.verify(payload(i));
    client.socket.write(payload(i).at(0, size));
    client.fin();
    await client.expectFin();
    bytes += size;
  }
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 10, { reason: 'finished' });
  const page = await lb.metrics();
  assert.equal(page.get('ultrabalancer_l4_sessions_total'), 10);
  assert.equal(page.get('ultrabalancer_l4_worker_accepted_total'), 10);
  assert.equal(page.get('ultrabalancer_l4_relayed_bytes_total', { direction: 'to_backend' }), bytes);
  assert.equal(page.get('ultrabalancer_l4_relayed_bytes_total', { direction: 'to_client' }), bytes);
});

inOneMode('gauges follow sessions and come back to 0', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  const pairs = [await session(lb, backend), await session(lb, backend), await session(lb, backend)];
  assert.equal(await lb.metric('active_connections'), 3);
  assert.equal(await lb.metric('ultrabalancer_l4_backend_sessions', { backend: backend.key }), 3);
  for (const { client, peer } of pairs) {
    client.fin();
    await peer.expectFin();
    peer.fin();
  }
  await lb.untilMetric('active_connections', 0);
  await lb.untilMetric('ultrabalancer_l4_backend_sessions', 0, { backend: backend.key });
});

inOneMode('counters never go back, over a reload that takes a backend and a listener away', async (lab) => {
  const [one, two] = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
  const ports = [await freePort(), await freePort()];
  const config = (count: number): object => ({
    listeners: Object.fromEntries(
      ports.slice(0, count).map((port, i) => [`l${i}`, { listen: `127.0.0.1:${port}`, pool: 'p' }]),
    ),
    pools: { p: { backends: [one, two].slice(0, count).map((b) => at(b)) } },
  });
  const lb = await lab.start({ ...config(2) });
  for (const port of ports) {
    const client = await lb.connect({ port });
    await client.send('x');
    await client.expect('x');
    client.close();
  }
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 2);
  lb.write({ ...config(1) });
  assert.equal(await lb.reload(), 'taken');
  const page = await lb.metrics();
  assert.equal(page.get('ultrabalancer_l4_sessions_total', { listener: 'l0' }), 1);
  assert.equal(
    page.get('ultrabalancer_l4_relayed_bytes_total', { listener: 'l0', direction: 'to_client' }),
    1,
  );
});

inOneMode('failures and retries are counted by backend and by pool', async (lab) => {
  const refusing = await refusingPort();
  lab.atEnd(refusing.close);
  const live = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(refusing.port), at(live)], workers: 1, retries: 1 });
  for (let i = 0; i < 8; i += 1) {
    const client = await lb.connect();
    client.fin();
    await client.expectFin();
  }
  const failed = await lb.metric('ultrabalancer_l4_connect_failures_total', {
    pool: 'default',
    reason: 'refused',
  });
  assert.equal(await lb.metric('ultrabalancer_l4_connect_failures_total'), failed);
  assert.equal(await lb.metric('ultrabalancer_l4_retries_total', { pool: 'default' }), failed);
  assert.ok(failed > 0);
});

inOneMode(
  'the page is text format with the right type; other paths are not found; readiness tells the truth',
  async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start({ backends: [at(backend)] });
    const page = await get(lb.metricsPort, '/metrics');
    assert.match(page.type, /^text\/plain/);
    assert.match(page.body, /\n$/);
    assert.equal((await get(lb.metricsPort, '/healthz')).status, 200);
    assert.equal((await get(lb.metricsPort, '/readyz')).status, 200);
    assert.equal((await get(lb.metricsPort, '/elsewhere')).status, 404);
    const { client, peer } = await session(lb, backend);
    lb.signal('SIGTERM');
    await lb.untilMetric('ultrabalancer_l4_sessions_total', 1);
    for (;;) if ((await get(lb.metricsPort, '/readyz')).status === 503) break;
    client.fin();
    peer.fin();
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
  },
);
