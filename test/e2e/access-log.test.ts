// The access log as operators read it: what a record says of each way in which a session can go.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import type { SessionRecord } from '#src/access-log/record.js';
import { createAdminClient } from '#src/admin/client.js';
import { folder, linesOf, records } from '../helpers/access-log.ts';
import { at, pair, session, type Case, type Running, type Settings } from '../helpers/balancer.ts';
import { blackHole, refusingPort } from '../helpers/black-hole.ts';
import { until } from '../helpers/deadline.ts';
import { payload } from '../helpers/payload.ts';
import { connect, echo } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

interface Logged {
  readonly file: string;
  readonly settings: Settings;
}

function logged(lab: Case, access: Settings = {}): Logged {
  const file = join(folder(lab), 'access.log');
  return { file, settings: { log: { access: { file, ...access } } } };
}

/** How the one session of a log ended. */
async function ending(file: string): Promise<string> {
  const [record] = await records(file);
  return record === undefined ? '' : endingOf(record);
}

function endingOf({ code, reason, closed_by, closed_how }: SessionRecord): string {
  return `${code} ${reason} ${closed_by}/${closed_how}`;
}

/** Comes after everything in it has ended. */
async function atRest(lb: Running, sessions: number): Promise<void> {
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', sessions);
}

inOneMode('a session that ends in order has all its figures', async (lab) => {
  const { file, settings } = logged(lab);
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], ...settings });
  const before = Date.now();
  const { client, peer } = await session(lb, backend);
  const from = `${client.socket.localAddress}:${client.socket.localPort}`;
  await client.send('question');
  await peer.expect('question');
  await peer.send('an answer');
  await client.expect('an answer');
  client.fin();
  await peer.expectFin();
  peer.fin();
  await client.expectFin();
  const [record] = await records(file);
  assert.ok(record);
  assert.equal(record.client, from);
  assert.equal(record.local, `127.0.0.1:${lb.port}`);
  assert.deepEqual(
    [record.listener, record.pool, record.backend, record.attempts, record.connect_failure, record.warm],
    ['default', 'default', backend.key, 1, null, false],
  );
  assert.equal(endingOf(record), '-- finished client/fin');
  assert.deepEqual([record.to_backend_bytes, record.to_client_bytes, record.turns], [9, 9, 1]);
  const [time, accepted] = [Date.parse(record.time), Date.parse(record.accepted)];
  assert.ok(accepted >= before - 1 && accepted <= time && time <= Date.now() + 1);
  const order = [
    0,
    record.connect_ms,
    record.wait_ms,
    record.client_byte_ms,
    record.backend_byte_ms,
    record.duration_ms,
  ];
  assert.deepEqual(
    order,
    [...order].sort((a, b) => Number(a) - Number(b)),
  );
  assert.ok(record.longest_turn_ms > 0 && record.longest_turn_ms <= record.turns_ms);
  assert.ok((record.client_rtt_ms ?? 0) > 0 && (record.backend_rtt_ms ?? 0) > 0);
  assert.deepEqual([record.client_retransmits, record.backend_retransmits], [0, 0]);
  await lb.untilMetric('ultrabalancer_l4_access_log_records_total', 1);
});

inOneMode('a backend that ends first is told apart from a client that does', async (lab) => {
  const { file, settings } = logged(lab);
  const { client, peer } = await pair(lab, settings);
  peer.fin();
  await client.expectFin();
  client.fin();
  assert.equal(await ending(file), '-- finished backend/fin');
});

inOneMode('resets are told by side, and by what the backend had done before', async (lab) => {
  const { file, settings } = logged(lab);
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], ...settings });
  const one = await session(lb, backend);
  one.client.rst();
  await one.peer.expectRst();
  const two = await session(lb, backend);
  two.peer.rst();
  await two.client.expectRst();
  const three = await session(lb, backend);
  three.peer.fin();
  await three.client.expectFin();
  three.client.rst();
  await three.peer.expectRst();
  assert.deepEqual((await records(file, 3)).map(endingOf).sort(), [
    'CD client_reset client/rst',
    'CL client_reset backend/fin',
    'SD backend_reset backend/rst',
  ]);
});

inOneMode('a retry is told, and so is having found nobody', async (lab) => {
  const { file, settings } = logged(lab);
  const gone = await refusingPort();
  lab.atEnd(() => gone.close());
  const backend = (await lab.backend()).serve(echo);
  const config = { backends: [at(gone.port), at(backend)], retries: 1, workers: 1, ...settings };
  const lb = await lab.start(config);
  const client = await lb.connect();
  await client.send('hello');
  await client.expect('hello');
  client.fin();
  await client.expectFin();
  const [retried] = await records(file);
  assert.deepEqual(
    [retried?.backend, retried?.attempts, retried?.connect_failure, retried?.code],
    [backend.key, 2, 'refused', '--'],
  );
  lb.write({ ...config, backends: [at(gone.port)] });
  assert.equal(await lb.reload(), 'taken');
  await (await lb.connect()).expectRst();
  const [, refused] = await records(file, 2);
  assert.ok(refused);
  assert.equal(endingOf(refused), 'SC connect_failed balancer/rst');
  assert.deepEqual(
    [refused.backend, refused.attempts, refused.wait_ms, refused.connect_ms, refused.to_backend_bytes],
    [`127.0.0.1:${gone.port}`, 1, null, null, 0],
  );
});

inOneMode('what ends before a backend answers has C for its phase', async (lab) => {
  const { file, settings } = logged(lab);
  const hole = await blackHole();
  lab.atEnd(() => hole.close());
  const lb = await lab.start({
    backends: [at(hole.port)],
    retries: 0,
    timeouts: { connect: 0.8 },
    ...settings,
  });
  const impatient = await lb.connect();
  impatient.rst();
  assert.equal(await ending(file), 'CC client_reset client/rst');
  const patient = await lb.connect();
  await patient.expectRst();
  const [, late] = await records(file, 2);
  assert.ok(late);
  assert.equal(endingOf(late), 'sC connect_timeout balancer/rst');
  assert.equal(late.connect_failure, 'timeout');
});

inOneMode('time that ran out is told of the side that was waited for', async (lab) => {
  const { file, settings } = logged(lab);
  const timeouts = { read: 0.4, keepalive: 0.4, half_close: 0.4, write: 0 };
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], timeouts, ...settings });
  const owed = await session(lb, backend);
  const quiet = await session(lb, backend);
  await quiet.peer.send('!');
  await quiet.client.expect('!');
  const half = await session(lb, backend);
  half.client.fin();
  await half.peer.expectFin();
  const other = await session(lb, backend);
  other.peer.fin();
  await other.client.expectFin();
  await atRest(lb, 4);
  for (const { client, peer } of [owed, quiet, half, other]) [client, peer].forEach((one) => one.close());
  assert.deepEqual((await records(file, 4)).map(endingOf).sort(), [
    'cD idle_timeout balancer/fin',
    'cL half_close_timeout backend/fin',
    'sD half_close_timeout client/fin',
    'sD read_timeout balancer/fin',
  ]);
});

inOneMode('a client that takes nothing is told apart from a backend that does not', async (lab) => {
  const { file, settings } = logged(lab);
  const small = { send_buffer: 16_384, receive_buffer: 16_384 };
  const timeouts = { read: 0, keepalive: 0, half_close: 0, write: 0.5 };
  const backend = await lab.backend();
  const lb = await lab.start({
    backends: [at(backend)],
    connection_settings: small,
    timeouts,
    ...settings,
  });
  for (const [reader, writer] of [
    ['client', 'peer'],
    ['peer', 'client'],
  ] as const) {
    const ends = await session(lb, backend);
    ends[reader].pause();
    await ends[writer].flood(payload(1), 32 << 20);
    assert.match(await ends[writer].ends(), /^(fin|rst)$/);
    ends[reader].close();
  }
  assert.deepEqual(
    (await records(file, 2)).map(({ code, reason }) => `${code} ${reason}`),
    ['cD write_timeout', 'sD write_timeout'],
  );
});

inOneMode('a warm connection had its handshake before', async (lab) => {
  const { file, settings } = logged(lab);
  const backend = (await lab.backend()).serve(echo);
  const config = { backends: [at(backend)], workers: 1, connection_pool: { min_size: 1, max_size: 1 } };
  const lb = await lab.start({ ...config, ...settings }, { spareSockets: 1 });
  await lb.untilMetric('ultrabalancer_l4_backend_warm_connections', 1);
  const client = await lb.connect();
  await client.send('hello');
  await client.expect('hello');
  client.fin();
  await client.expectFin();
  const [record] = await records(file);
  assert.deepEqual([record?.warm, record?.connect_ms, record?.attempts], [true, null, 1]);
});

inOneMode('an operator and a drain are K', async (lab) => {
  const { file, settings } = logged(lab);
  const socket = join(folder(lab), 'admin.sock');
  const backend = await lab.backend();
  const lb = await lab.start({
    backends: [at(backend)],
    drain: { timeout: 0.3 },
    admin: { socket },
    ...settings,
  });
  const one = await session(lb, backend);
  const admin = createAdminClient({ kind: 'socket', path: socket });
  const listed = await admin.get('/v1/sessions');
  assert.ok(listed.ok);
  const { sessions } = listed.body as { sessions: { id: string }[] };
  assert.ok((await admin.delete(`/v1/sessions/${sessions[0]?.id}`)).ok);
  assert.match(await one.client.ends(), /^(fin|rst)$/);
  const two = await session(lb, backend);
  lb.signal('SIGTERM');
  assert.equal((await lb.exited).code, 0);
  for (const { client, peer } of [one, two]) [client, peer].forEach((each) => each.close());
  assert.deepEqual((await records(file, 2)).map(endingOf), [
    'KD killed balancer/fin',
    'KD drained balancer/fin',
  ]);
});

inOneMode('IPv4 over an IPv6 socket is shown as IPv4, and IPv6 with brackets', async (lab) => {
  const { file, settings } = logged(lab, { format: 'text' });
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], ...settings });
  lb.write({ listen: `[::]:${lb.port}`, backends: [at(backend)], ...settings });
  assert.equal(await lb.reload(), 'taken');
  for (const host of ['127.0.0.1', '::1']) {
    const client = await connect(lb.port, { host });
    client.fin();
    await client.expectFin();
  }
  const lines = await until(() => linesOf(file).length === 2 && linesOf(file).sort(), 'two lines');
  const fields = lines
    .map((line) => line.split(' '))
    .sort((a, b) => String(b[1]).localeCompare(String(a[1])));
  assert.deepEqual(fields.map(([, client = '', , local]) => [client.replace(/\d+$/, ''), local]).sort(), [
    ['127.0.0.1:', `127.0.0.1:${lb.port}`],
    ['[::1]:', `[::1]:${lb.port}`],
  ]);
});

inOneMode('sessions of a backend and a listener that a reload removed have their names', async (lab) => {
  const { file, settings } = logged(lab);
  const [old, fresh] = [await lab.backend(), (await lab.backend()).serve(echo)];
  const listen = (port: number): Settings => ({ listen: `127.0.0.1:${port}` });
  const lb = await lab.start({ backends: [at(old)], ...settings });
  const config = (name: string, backend: Settings): Settings => ({
    listeners: { [name]: { ...listen(lb.port), pool: name } },
    pools: { [name]: { backends: [backend] } },
    ...settings,
  });
  lb.write(config('before', at(old)));
  assert.equal(await lb.reload(), 'taken');
  const lasting = await session(lb, old);
  const ends = await session(lb, old);
  lb.write(config('after', at(fresh)));
  assert.equal(await lb.reload(), 'taken');
  // One ends while it is gone, and reloads go on.
  ends.client.fin();
  ends.peer.fin();
  await ends.client.expectFin();
  for (let i = 0; i < 3; i += 1) {
    lb.signal('SIGHUP');
    await lb.untilLogged(new RegExp(`(in force[^]*){${i + 3}}`));
  }
  lasting.client.fin();
  lasting.peer.fin();
  await lasting.client.expectFin();
  const found = await records(file, 2);
  for (const { listener, pool, backend } of found)
    assert.deepEqual([listener, pool, backend], ['before', 'before', old.key]);
});
