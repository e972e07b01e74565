// Drains over time: of the process, of a backend, of a listener, of what a reload removes. Who is ended when, who stays,
// and that nobody is ended who was not to be. Times have lower bounds alone: a loaded machine may be late, never early.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { stateSchema } from '#src/admin/schemas.js';
import type { StateView } from '#src/admin/operations.js';
import { at, CLI, type Case, type Running } from '../helpers/balancer.ts';
import { until, within } from '../helpers/deadline.ts';
import { freezeMainThread } from '../helpers/freeze.ts';
import { freePort, listensOn } from '../helpers/machine.ts';
import { get } from '../helpers/metrics-page.ts';
import { echo, type Peer } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

const END = { code: 0, signal: null };

/** Clients that have had an answer, and owe nobody anything. */
async function talk(lb: Running, count: number, port?: number): Promise<Peer[]> {
  const clients: Peer[] = [];
  for (let n = 0; n < count; n += 1) {
    const client = await lb.connect(port === undefined ? {} : { port });
    await client.send('?');
    await client.expect('?');
    clients.push(client);
  }
  return clients;
}

function ended(clients: readonly Peer[]): number {
  return clients.filter((client) => client.end() !== undefined).length;
}

async function allEnd(clients: readonly Peer[], ms?: number): Promise<void> {
  await until(
    () => ended(clients) === clients.length,
    () => `all end: ${ended(clients)} of ${clients.length} have`,
    ms,
  );
}

function ctl(socket: string, ...verb: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [CLI, 'ctl', '--socket', socket, ...verb];
    execFile(process.execPath, args, { timeout: 30_000 }, (error, out, err) =>
      error === null ? resolve(out) : reject(new Error(err, { cause: error })),
    );
  });
}

async function stateOf(socket: string): Promise<StateView> {
  return stateSchema.parse(JSON.parse(await ctl(socket, '--json', 'status')));
}

function adminSocket(lab: Case): string {
  const folder = mkdtempSync(join(tmpdir(), 'ub-drain-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'admin.sock');
}

inOneMode(
  'a rate: idle sessions end one after the other, who is owed an answer at the deadline',
  async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start({
      backends: [at(backend)],
      drain: { timeout: 5, rate: 10, idle: 0.1 },
    });
    const owed = await lb.connect();
    await owed.send('a question');
    await backend.accept();
    backend.serve(echo);
    const idle = await talk(lb, 8);
    const since = performance.now();
    lb.signal('SIGTERM');
    await allEnd(idle);
    const took = performance.now() - since;
    assert.ok(took >= 8 * 100 - 60, `8 sessions at 10 a second ended within ${took} ms`);
    assert.equal(owed.end(), undefined);
    await owed.ends();
    assert.ok(
      performance.now() - since >= 4900,
      'an answer was owed and its session ended before the deadline',
    );
    assert.deepEqual(await within(lb.exited, 'it leaves'), END);
    assert.match(
      lb.log(),
      /draining: no new sessions, 9 are open; .*10 a second at most, the longest silent first, and the rest at/,
    );
    assert.match(lb.log(), /drained after/);
  },
);

inOneMode('even: sessions end over the time, none of them long after it', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({
    backends: [at(backend)],
    workers: 1,
    drain: { timeout: 3, rate: 'even', idle: 0.01 },
  });
  const clients = await talk(lb, 12);
  const since = performance.now();
  lb.signal('SIGTERM');
  await until(() => ended(clients) >= 6, 'half of them end');
  // The sixth is due after 1.4 s, each step being half as long or half as much again.
  assert.ok(performance.now() - since >= 650);
  assert.ok(ended(clients) < 12);
  await allEnd(clients);
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inOneMode('without a rate nobody is ended before the deadline', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], drain: { timeout: 2 } });
  const clients = await talk(lb, 4);
  const since = performance.now();
  lb.signal('SIGTERM');
  await until(() => ended(clients) > 0, 'somebody ends');
  assert.ok(performance.now() - since >= 1900);
  await allEnd(clients);
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inOneMode('a delay: not ready, but serving, until it is over', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], drain: { delay: 4, timeout: 1 } });
  const since = performance.now();
  lb.signal('SIGTERM');
  await until(async () => (await get(lb.metricsPort, '/readyz')).status === 503, 'it is not ready');
  const [late] = await talk(lb, 1);
  assert.ok(listensOn(lb.port));
  await until(() => !listensOn(lb.port), 'it listens no more');
  assert.ok(performance.now() - since >= 3900);
  assert.equal(late?.end(), undefined);
  late?.close();
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inOneMode('a second signal cuts a delay short', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], drain: { delay: 600, timeout: 600 } });
  const clients = await talk(lb, 2);
  lb.signal('SIGTERM');
  await lb.untilLogged(/leaving: told not to be ready/);
  lb.signal('SIGTERM');
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
  await allEnd(clients);
});

inOneMode('a drain goes on while the control plane stands still', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], drain: { timeout: 60, rate: 5, idle: 0.01 } });
  const clients = await talk(lb, 6);
  lb.signal('SIGTERM');
  await until(() => !listensOn(lb.port), 'it listens no more');
  const frozen = await freezeMainThread(lb.pid);
  if ('forbidden' in frozen) return;
  await allEnd(clients);
  await frozen.thaw();
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inOneMode('ctl drain: one backend loses its sessions at a pace, and is ready again', async (lab) => {
  const socket = adminSocket(lab);
  const [a, b] = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
  const lb = await lab.start({ backends: [at(a), at(b)], admin: { socket } });
  const clients = await talk(lb, 10);
  const labels = (backend: typeof a): Record<string, string> => ({ pool: 'default', backend: backend.key });
  await lb.untilMetric('ultrabalancer_l4_backend_sessions', 5, labels(a));
  await ctl(socket, 'drain', a.key, '--timeout', '60s', '--rate', '20', '--idle', '100ms');
  await lb.untilMetric('ultrabalancer_l4_backend_sessions', 0, labels(a));
  await lb.untilLogged(
    new RegExp(`backend ${a.key} of pool default drains: 5 sessions are open; .*20 a second`),
  );
  await lb.untilLogged(new RegExp(`backend ${a.key} of pool default is drained`));
  await until(() => ended(clients) === 5, 'five have ended');
  const shed = 'ultrabalancer_l4_backend_sessions_shed_total';
  assert.equal(await lb.metric(shed, { ...labels(a), reason: 'drained' }), 5);
  assert.equal(await lb.metric(shed, { ...labels(b), reason: 'drained' }), 0);
  const view = (await stateOf(socket)).pools[0]?.backends.find(({ backend }) => backend === a.key);
  assert.deepEqual(
    [view?.hold, view?.sessions, view?.drain?.done, view?.drain?.rate],
    ['drain', 0, true, 20],
  );
  await talk(lb, 2);
  assert.equal(await lb.metric('ultrabalancer_l4_backend_sessions', labels(a)), 0);
  await ctl(socket, 'ready', a.key);
  await lb.untilLogged(new RegExp(`backend ${a.key} of pool default is in use again`));
  await talk(lb, 4);
  assert.ok((await lb.metric('ultrabalancer_l4_backend_sessions', labels(a))) > 0);
});

inOneMode(
  'ctl drain --listener: it listens no more, its sessions go on or are ended, and it comes back',
  async (lab) => {
    const socket = adminSocket(lab);
    const backend = (await lab.backend()).serve(echo);
    const [web, other] = [await freePort(), await freePort()];
    const settings = {
      listeners: {
        web: { listen: `127.0.0.1:${web}`, pool: 'app' },
        other: { listen: `127.0.0.1:${other}`, pool: 'app' },
      },
      pools: { app: { backends: [at(backend)] } },
      admin: { socket },
    };
    const lb = await lab.start(settings);
    const clients = await talk(lb, 4, web);
    const [bystander] = await talk(lb, 1, other);
    await ctl(socket, 'drain', '--listener', 'web');
    await until(() => !listensOn(web), 'web listens no more');
    for (const client of clients) {
      await client.send('still');
      await client.expect('still');
    }
    assert.match(await ctl(socket, 'status'), /^web .* drain +4\/10000 /m);
    lb.write({ ...settings, retries: 1 });
    await ctl(socket, 'reload');
    assert.ok(!listensOn(web), 'a reload has undone a drain');
    await ctl(socket, 'ready', '--listener', 'web');
    await until(() => listensOn(web), 'web listens again');
    clients.push(...(await talk(lb, 1, web)));
    await ctl(socket, 'drain', '--listener', 'web', '--timeout', '300ms');
    await allEnd(clients);
    assert.equal(bystander?.end(), undefined);
    await lb.untilLogged(/listener web is drained/);
    await lb.untilMetric('active_connections', 1, { listener: 'other' });
    await ctl(socket, 'ready', '--listener', 'web');
    await talk(lb, 1, web);
  },
);

inOneMode('drain.removed: what a reload removes is drained, or kept where nobody says so', async (lab) => {
  const [a, b] = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
  const both = { backends: [at(a), at(b)], drain: { timeout: 0.5, removed: 'drain' } };
  const lb = await lab.start(both);
  const clients = await talk(lb, 6);
  lb.write({ ...both, backends: [at(b)] });
  assert.equal(await lb.reload(), 'taken');
  await until(() => ended(clients) === 3, 'those of the removed backend end');
  await lb.untilLogged(new RegExp(`backend ${a.key} of pool default is drained`));
  lb.write({ backends: [at(b), at(a)] });
  assert.equal(await lb.reload(), 'taken');
  clients.push(...(await talk(lb, 2)));
  lb.write({ backends: [at(b)] });
  assert.equal(await lb.reload(), 'taken');
  for (const client of clients.filter((each) => each.end() === undefined)) {
    await client.send('still');
    await client.expect('still');
  }
  assert.equal(ended(clients), 3);
});

inOneMode('rebalance: idle sessions move to a backend that has come back, and then no more', async (lab) => {
  const a = (await lab.backend()).serve(echo);
  const port = await freePort();
  const lb = await lab.start({
    backends: [at(a), at(port)],
    algorithm: 'least_connections',
    health_checks: { enabled: true, interval: 0.2, unhealthy_threshold: 1, healthy_threshold: 1 },
    rebalance: { enabled: true, rate: 20, idle: 0.05, tolerance: 10 },
  });
  const down = { pool: 'default', backend: `127.0.0.1:${port}` };
  await lb.untilMetric('ultrabalancer_l4_backend_up', 0, down);
  let over = false;
  /** A client that comes back. */
  async function faithful(): Promise<void> {
    while (!over) {
      const client = await lb.connect();
      await client.send('?');
      await client.expect('?');
      await until(() => over || client.end() !== undefined, 'it is ended, or all is over', 60_000);
      client.close();
    }
  }
  const clients = Array.from({ length: 20 }, () => faithful());
  await lb.untilMetric('ultrabalancer_l4_backend_sessions', 20, { pool: 'default', backend: a.key });
  const back = (await lab.backend({ port })).serve(echo);
  await lb.untilLogged(/pool default: a backend has joined; idle sessions move, 20 a second at most/, 20_000);
  await lb.untilLogged(/pool default: rebalanced, \d+ sessions were ended: loads agree/, 20_000);
  const on = (key: string): Promise<number> =>
    lb.metric('ultrabalancer_l4_backend_sessions', { pool: 'default', backend: key });
  await until(async () => (await on(a.key)) + (await on(back.key)) === 20, 'everybody is back');
  assert.ok(Math.abs((await on(a.key)) - 10) <= 2, `${await on(a.key)} of 20 are left on the fuller one`);
  const reason = { listener: 'default', reason: 'rebalanced' };
  const moved = await lb.metric('ultrabalancer_l4_sessions_closed_total', reason);
  assert.ok(moved >= 8 && moved <= 30, `${moved} sessions were ended to move ten`);
  over = true;
  await Promise.all(clients);
});
