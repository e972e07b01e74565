// Another process takes the place of the one that serves, and no client notices; one that cannot leaves everything as it
// was.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { createAdminClient } from '#src/admin/client.js';

import {
  at,
  CLI,
  ROOT,
  scenario,
  session,
  type Case,
  type Running,
  type Settings,
} from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { echo, named } from '../helpers/tcp-script.ts';
import { gone, isThere, line } from '../helpers/upgrading.ts';
import { type Crowd, visitor } from '../helpers/visitor.ts';

function upgradeTest(name: string, body: (lab: Case) => Promise<void>): void {
  test(name, { timeout: 180_000 }, () => scenario(body));
}

upgradeTest('three upgrades under load: nobody is refused, reset or served wrongly', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const config = (workers: number): Settings => ({
    backends: [at(backend)],
    workers,
    max_connections: 1000,
    drain: { timeout: 60 },
  });
  const lb = await lab.start(config(2));
  const processes = line(lab, lb);
  const first = await lb.connect();
  await first.send('from the beginning');
  await first.expect('from the beginning');
  const crowd: Crowd = { served: 0, done: false };
  const load = Promise.all([visitor(lb, 1, crowd), visitor(lb, 2, crowd), visitor(lb, 3, crowd)]);
  const driven = (async () => {
    for (const workers of [3, 1, 2]) {
      lb.write(config(workers));
      const before = crowd.served;
      await processes.upgrade();
      await until(() => crowd.served > before + 20, 'clients are served after an upgrade', 30_000);
    }
  })().finally(() => (crowd.done = true));
  await Promise.all([load, driven]);
  assert.equal(new Set(processes.pids).size, 4);
  for (const pid of processes.pids.slice(1, -1)) await gone(pid);
  // The session from the beginning lives in the process that accepted it, and that one leaves with it.
  assert.ok(isThere(lb.pid));
  await first.send('to the end');
  await first.expect('to the end');
  first.fin();
  await first.expectFin();
  assert.deepEqual(await lb.exited, { code: 0, signal: null });
  await lb.untilMetric('active_connections', 0);
  await processes.end();
});

/** Clients that the kernel has connected and nobody has accepted. */
for (const [from, to] of [
  [2, 2],
  [3, 1],
  [1, 3],
] as const) {
  upgradeTest(`clients in the accept queue survive an upgrade from ${from} to ${to} workers`, async (lab) => {
    const backend = (await lab.backend()).serve(echo);
    const lb = await lab.start({ backends: [at(backend)], workers: from, max_connections: 6 });
    const processes = line(lab, lb);
    const holders = await Promise.all(Array.from({ length: 6 }, () => lb.connect()));
    await lb.untilMetric('active_connections', 6);
    const queued = await Promise.all(Array.from({ length: 40 }, () => lb.connect()));
    for (const [i, client] of queued.entries()) client.socket.write(`queued ${i}`);
    lb.write({ backends: [at(backend)], workers: to, max_connections: 100 });
    await processes.upgrade();
    await Promise.all(
      queued.map(async (client, i) => {
        await client.expect(`queued ${i}`);
        client.close();
      }),
    );
    assert.ok(isThere(lb.pid), 'the first process still has its sessions');
    for (const holder of holders) holder.close();
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
    await processes.end();
  });
}

upgradeTest(
  'an address that the new config no longer has is emptied by the process that goes',
  async (lab) => {
    const backend = (await lab.backend()).serve(echo);
    const [kept, dropped] = [await freePort(), await freePort()];
    const config = (ports: readonly number[], most: number): Settings => ({
      listeners: Object.fromEntries(
        ports.map((port) => [`l${port}`, { listen: `127.0.0.1:${port}`, pool: 'p', max_connections: most }]),
      ),
      pools: { p: { backends: [at(backend)] } },
    });
    const lb = await lab.start(config([kept, dropped], 2));
    const processes = line(lab, lb);
    const holders = await Promise.all([1, 2].map(() => lb.connect({ port: dropped })));
    await lb.untilMetric('active_connections', 2, { listener: `l${dropped}` });
    const waiting = await Promise.all(Array.from({ length: 10 }, () => lb.connect({ port: dropped })));
    lb.write(config([kept, dropped], 20));
    // Read before the file changes again: full at the end, the address would have no room for those who wait.
    assert.equal(await lb.reload(), 'taken');
    lb.write(config([kept], 20));
    await processes.upgrade();
    for (const client of [...holders, ...waiting]) {
      await client.send('here');
      await client.expect('here');
      client.close();
    }
    const other = await lb.connect({ port: kept });
    await other.send('there');
    await other.expect('there');
    other.close();
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
    await processes.end();
  },
);

upgradeTest('what an operator and what probes have said outlives an upgrade', async (lab) => {
  const one = (await lab.backend()).serve(named('held'));
  const two = (await lab.backend()).serve(named('serving'));
  const dead = await freePort();
  const settings: Settings = {
    backends: [at(one), at(two), at(dead)],
    health_checks: { interval: 1, healthy_threshold: 100, unhealthy_threshold: 1 },
    admin: { socket: 'admin.sock' },
  };
  const lb = await lab.start(settings);
  const processes = line(lab, lb);
  const path = join(dirname(lb.file), 'admin.sock');
  const client = createAdminClient({ kind: 'socket', path });
  const held = `${one.host}:${one.port}`;
  const heavy = `${two.host}:${two.port}`;
  const of = `/v1/pools/default/backends`;
  assert.ok((await client.post(`${of}/${held}/drain`)).ok);
  assert.ok((await client.post(`${of}/${heavy}/weight`, { weight: 7 })).ok);
  await lb.untilMetric('ultrabalancer_l4_backend_up', 0, { backend: `127.0.0.1:${dead}` });
  await processes.upgrade();
  const state = JSON.stringify(await client.get('/v1/state'));
  assert.match(state, /"drain"/);
  assert.match(state, /7/);
  assert.equal(await lb.metric('ultrabalancer_l4_backend_up', { backend: `127.0.0.1:${dead}` }), 0);
  for (let i = 0; i < 6; i += 1) {
    const visitor = await lb.connect();
    await visitor.send('?');
    await visitor.expect('serving');
    visitor.close();
  }
  assert.deepEqual(await lb.exited, { code: 0, signal: null });
  assert.ok(existsSync(path), 'the socket is the new one’s');
  await processes.end();
  assert.ok(!existsSync(path));
});

upgradeTest('started by hand, a process takes over through the socket in the config', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], upgrade: { socket: 'upgrade.sock' } });
  const processes = line(lab, lb);
  const byHand = spawn(process.execPath, [CLI, '--config', lb.file, '--take-over'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  byHand.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  lab.atEnd(() => void byHand.kill('SIGKILL'));
  await until(
    async () => (await processes.serving()) === byHand.pid,
    () => said + lb.log(),
    30_000,
  );
  assert.deepEqual(await lb.exited, { code: 0, signal: null });
  const { client } = { client: await lb.connect() };
  await client.send('hello');
  await client.expect('hello');
  client.close();
  process.kill(byHand.pid ?? 0, 'SIGTERM');
  await gone(byHand.pid ?? 0);
  assert.ok(!existsSync(join(dirname(lb.file), 'upgrade.sock')));
  const alone = spawn(process.execPath, [CLI, '--config', lb.file, '--take-over'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  alone.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const code = await new Promise((resolve) => alone.on('close', resolve));
  assert.equal(code, 1);
  assert.match(complaint, /nobody to take over from/);
});

/** A balancer whose program on disk is a link that the test can change. */
async function relinked(
  lab: Case,
  settings: Settings,
): Promise<{ lb: Running; relink: (to: string) => void }> {
  const link = join(ROOT, '.build', `program-${process.pid}-${await freePort()}.js`);
  const relink = (to: string): void => {
    rmSync(link, { force: true });
    symlinkSync(to, link);
  };
  lab.atEnd(() => rmSync(link, { force: true }));
  relink(CLI);
  const script = 'node=$1; shift 2; exec "$node" "$PROGRAM" "$@"';
  const lb = await lab.start(settings, {
    wrap: ['sh', '-c', script, 'sh'],
    env: { PROGRAM: link },
  });
  return { lb, relink };
}

async function servesOn(lb: Running, failure: RegExp): Promise<void> {
  await lb.untilLogged(failure, 30_000);
  const backendless = await lb.connect();
  await backendless.send('still here');
  await backendless.expect('still here');
  backendless.close();
  assert.ok(isThere(lb.pid));
}

upgradeTest('a new process that cannot: bad config, crash, hang; the old one serves on', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const settings: Settings = { backends: [at(backend)], upgrade: { timeout: 3 } };
  const { lb, relink } = await relinked(lab, settings);
  const processes = line(lab, lb);
  lb.write({ ...settings, max_conections: 5 });
  lb.signal('SIGUSR2');
  await servesOn(lb, /serves on: new process \d+: it left with exit code 2/);
  lb.write(settings);
  const program = join(dirname(lb.file), 'program.mjs');
  writeFileSync(program, 'process.exit(7);\n');
  relink(program);
  lb.signal('SIGUSR2');
  await servesOn(lb, /serves on: new process \d+: it left with exit code 7/);
  const stubborn = join(ROOT, '.build', 'test', 'fixtures', 'stubborn-heir.js');
  relink(stubborn);
  lb.signal('SIGUSR2');
  await servesOn(
    lb,
    /stubborn heir \d+ has 3 sockets[\s\S]*serves on: new process \d+: it is not ready in time/,
  );
  const heir = Number(/stubborn heir (\d+)/.exec(lb.log())?.[1]);
  await gone(heir, 20_000);
  relink(CLI);
  // An upgrade that failed is in the way of no reload and of no further upgrade.
  lb.write({ ...settings, workers: 3 });
  assert.equal(await lb.reload(), 'taken');
  await processes.upgrade();
  assert.deepEqual(await lb.exited, { code: 0, signal: null });
  await processes.end();
});

upgradeTest('a port that the new config cannot have: the old one serves on', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const other = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  lb.write({ listen: [`127.0.0.1:${lb.port}`, `127.0.0.1:${other.port}`], backends: [at(backend)] });
  lb.signal('SIGUSR2');
  await servesOn(lb, /serves on: new process \d+: cannot listen on 127\.0\.0\.1:\d+: address already in use/);
});

upgradeTest('SIGTERM in the middle of an upgrade ends the process as ever', async (lab) => {
  const backend = await lab.backend();
  const settings: Settings = { backends: [at(backend)], upgrade: { timeout: 60 } };
  const { lb, relink } = await relinked(lab, settings);
  await session(lb, backend).then(({ client }) => client.close());
  relink(join(ROOT, '.build', 'test', 'fixtures', 'stubborn-heir.js'));
  lb.signal('SIGUSR2');
  await lb.untilLogged(/stubborn heir \d+ has/, 30_000);
  const heir = Number(/stubborn heir (\d+)/.exec(lb.log())?.[1]);
  lab.atEnd(() => {
    if (isThere(heir)) process.kill(heir, 'SIGKILL');
  });
  lb.signal('SIGTERM');
  assert.deepEqual(await lb.exited, { code: 0, signal: null });
  await gone(heir);
});
