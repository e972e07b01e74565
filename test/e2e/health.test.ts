// Probes of every kind, against backends that answer, refuse, stall, flap and lie.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

import { at, session, type Case, type Running, type Settings } from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { descriptors } from '../helpers/machine.ts';
import { listen, named, type Backend } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

const QUICK = { enabled: true, interval: 0.1, timeout: 0.5, unhealthy_threshold: 3, healthy_threshold: 2 };

const isUp = (lb: Running, backend: { readonly key: string }, up: boolean): Promise<void> =>
  lb.untilMetric('ultrabalancer_l4_backend_up', up ? 1 : 0, { backend: backend.key });

interface HttpBackend extends Pick<Backend, 'key' | 'port'> {
  /** What it answers from now on; undefined: nothing. */
  status: number | undefined;
  paths: string[];
}

async function httpBackend(lab: Case): Promise<HttpBackend> {
  const state: { status: number | undefined; paths: string[] } = { status: 200, paths: [] };
  const server = createServer((request, response) => {
    state.paths.push(request.url ?? '');
    if (state.status !== undefined) response.writeHead(state.status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  lab.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, { port, key: `127.0.0.1:${port}` });
}

function folder(lab: Case): string {
  const path = mkdtempSync(join(tmpdir(), 'ub-check-'));
  lab.atEnd(() => rmSync(path, { recursive: true }));
  return path;
}

async function whoAnswers(lb: Running, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const client = await lb.connect();
    client.socket.write('who?');
    names.push((await client.take(1)).toString());
    client.close();
  }
  return names;
}

inOneMode('tcp: a backend that goes is taken out and logged, comes back and serves again', async (lab) => {
  const stays = (await lab.backend()).serve(named('s'));
  const goes = (await lab.backend()).serve(named('g'));
  const lb = await lab.start({ backends: [at(stays), at(goes)], health_checks: QUICK }, { spareSockets: 2 });
  await isUp(lb, goes, true);
  assert.deepEqual(new Set(await whoAnswers(lb, 6)), new Set(['s', 'g']));
  await goes.close();
  await isUp(lb, goes, false);
  await lb.untilLogged(new RegExp(`${goes.key}.*is down`));
  await until(async () => (await whoAnswers(lb, 6)).join('') === 'ssssss', 'one of two serves');
  const again = await listen({ port: goes.port });
  lab.atEnd(() => again.close());
  again.serve(named('g'));
  await isUp(lb, goes, true);
  await lb.untilLogged(new RegExp(`${goes.key}.*is up`));
  await until(async () => (await whoAnswers(lb, 4)).includes('g'), 'it serves again');
});

inOneMode('http: rise and fall are exact, probe by probe', async (lab) => {
  const backend = await httpBackend(lab);
  const script: number[] = [];
  let asked = 0;
  const told: { asked: number; up: boolean }[] = [];
  Object.defineProperty(backend, 'status', { get: () => (asked++, script.shift() ?? 200) });
  // Two failures, then successes: not enough. Three: out. One success: not enough. Two: back.
  script.push(200, 500, 500, 200, 200, 500, 500, 500, 200, 500, 200, 200, 200);
  const lb = await lab.start(
    { backends: [at(backend.port)], health_checks: { ...QUICK, check_type: 'http', path: '/ready' } },
    { spareSockets: 2 },
  );
  await until(
    async () => {
      const up = (await lb.metric('ultrabalancer_l4_backend_up')) === 1;
      if (told.at(-1)?.up !== up) told.push({ asked, up });
      return script.length === 0 && up;
    },
    () => `the script is over: ${JSON.stringify(told)}`,
  );
  assert.deepEqual(
    told.map(({ up }) => up),
    [true, false, true],
  );
  const [, down, back] = told;
  assert.ok((down?.asked ?? 0) >= 8, 'out before the third failure in a row');
  assert.ok((back?.asked ?? 0) >= 12, 'back before the second success in a row');
  assert.deepEqual(new Set(backend.paths), new Set(['/ready']));
  assert.equal(lb.log().match(/is down/g)?.length, 1);
});

inOneMode('http: statuses count as configured, and no answer is none', async (lab) => {
  const backend = await httpBackend(lab);
  const lb = await lab.start(
    {
      backends: [at(backend.port)],
      health_checks: { ...QUICK, timeout: 0.2, check_type: 'http', expected_status: '200-299' },
    },
    { spareSockets: 2 },
  );
  await isUp(lb, backend, true);
  for (const bad of [302, 503, undefined]) {
    backend.status = bad;
    await isUp(lb, backend, false);
    backend.status = 204;
    await isUp(lb, backend, true);
  }
});

inOneMode('command: exit code 0 is health; it is told which backend', async (lab) => {
  const path = folder(lab);
  const program = join(path, 'check.sh');
  writeFileSync(
    program,
    `#!/bin/sh\necho "$BACKEND_HOST $BACKEND_PORT" >> ${path}/asked\n[ ! -e ${path}/ill-$BACKEND_PORT ]\n`,
    { mode: 0o755 },
  );
  const [one, two] = [(await lab.backend()).serve(named('1')), (await lab.backend()).serve(named('2'))];
  const lb = await lab.start({
    backends: [at(one), at(two)],
    health_checks: { ...QUICK, timeout: 2, check_type: 'custom', command: [program] },
  });
  writeFileSync(join(path, `ill-${one.port}`), '');
  await isUp(lb, one, false);
  await isUp(lb, two, true);
  await until(async () => (await whoAnswers(lb, 4)).join('') === '2222', 'the other one serves');
  rmSync(join(path, `ill-${one.port}`));
  await isUp(lb, one, true);
});

inOneMode('module: its answer counts, and a throw is a failure', async (lab) => {
  const path = folder(lab);
  const module = join(path, 'check.mjs');
  const [ill, good, throws] = [
    await lab.backend(),
    (await lab.backend()).serve(named('g')),
    await lab.backend(),
  ];
  writeFileSync(
    module,
    `export default async (backend) => {
       if (backend.port === ${throws.port}) throw new Error('ill');
       return backend.port !== ${ill.port};
     };`,
  );
  for (const silent of [ill, throws]) silent.serve((peer) => peer.rst());
  const backends = [at(ill), at(good), at(throws)];
  const lb = await lab.start({ backends, health_checks: { ...QUICK, check_type: 'custom', module } });
  await isUp(lb, ill, false);
  await isUp(lb, throws, false);
  await isUp(lb, good, true);
  await until(
    async () => (await whoAnswers(lb, 3).catch(() => [])).join('') === 'ggg',
    'the good one serves',
  );
});

inOneMode('a backend that is out keeps the sessions that it has', async (lab) => {
  const backend = await httpBackend(lab);
  const data = await lab.backend();
  const settings: Settings = { ...QUICK, check_type: 'http', port: backend.port };
  const lb = await lab.start({ backends: [at(data)], health_checks: settings }, { spareSockets: 2 });
  const { client, peer } = await session(lb, data);
  const generation = await lb.metric('ultrabalancer_l4_config_generation');
  backend.status = 500;
  await isUp(lb, data, false);
  await until(
    async () => (await lb.metric('ultrabalancer_l4_config_generation')) > generation,
    'workers know',
  );
  await client.send('still');
  await peer.expect('still');
  const late = await lb.connect();
  assert.match(await late.ends(), /^(fin|rst)$/);
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'no_backend' });
  const share = await lb.cpuShare(500);
  assert.ok(share < 0.4, `${share} of a core with no backend`);
  backend.status = 200;
  await isUp(lb, data, true);
  await until(
    async () => (await lb.metric('ultrabalancer_l4_config_generation')) > generation + 1,
    'workers know',
  );
  const next = await session(lb, data);
  await next.peer.send('back');
  await next.client.expect('back');
});

inOneMode('a backend that flaps below the thresholds never changes', async (lab) => {
  const backend = await httpBackend(lab);
  let asked = 0;
  Object.defineProperty(backend, 'status', { get: () => (asked++ % 3 === 2 ? 200 : 500) });
  asked = 2;
  const lb = await lab.start(
    { backends: [at(backend.port)], health_checks: { ...QUICK, interval: 0.05, check_type: 'http' } },
    { spareSockets: 2 },
  );
  await until(() => asked > 40, 'forty probes');
  assert.equal(await lb.metric('ultrabalancer_l4_backend_up'), 1);
  assert.doesNotMatch(lb.log(), /is down/);
});

inOneMode('probes that fail in every way leave no descriptor behind', async (lab) => {
  const [resets, silent, gone] = [await lab.backend(), await lab.backend(), await lab.backend()];
  resets.serve((peer) => peer.rst());
  silent.serve(() => undefined);
  await gone.close();
  const backends = [at(resets), at(silent), at(gone)];
  const lb = await lab.start(
    { backends, health_checks: { ...QUICK, interval: 0.02, timeout: 0.1, check_type: 'http' } },
    { spareSockets: 6 },
  );
  await until(
    () => resets.accepted() > 60 && silent.accepted() > 20,
    () => `many probes: ${resets.accepted()}, ${silent.accepted()}`,
    20_000,
  );
  const { sockets } = descriptors(lb.pid);
  assert.ok(sockets <= lb.baseline.sockets + 6, `${sockets} sockets, ${lb.baseline.sockets} at first`);
});

inOneMode('a reload of something else forgets nothing about health', async (lab) => {
  const [good, ill] = [(await lab.backend()).serve(named('g')), await lab.backend()];
  await ill.close();
  const config = { backends: [at(good), at(ill)], health_checks: QUICK };
  const lb = await lab.start(config, { spareSockets: 2 });
  await isUp(lb, ill, false);
  await until(async () => (await lb.metric('ultrabalancer_l4_config_generation')) > 1, 'workers know');
  lb.write({ ...config, max_connections: 77 });
  assert.equal(await lb.reload(), 'taken');
  assert.equal(await lb.metric('ultrabalancer_l4_backend_up', { backend: ill.key }), 0);
  await whoAnswers(lb, 6);
  assert.equal(await lb.metric('ultrabalancer_l4_connect_failures_total', { backend: ill.key }), 0);
});

inOneMode('a panic threshold: with too few up, all of them are tried', async (lab) => {
  const probes = await httpBackend(lab);
  probes.status = 500;
  const backend = (await lab.backend()).serve(named('p'));
  const lb = await lab.start(
    {
      backends: [at(backend)],
      panic_threshold: 50,
      health_checks: { ...QUICK, check_type: 'http', port: probes.port },
    },
    { spareSockets: 2 },
  );
  await isUp(lb, backend, false);
  assert.deepEqual(await whoAnswers(lb, 2), ['p', 'p']);
});
