// Limits: what is over one waits or is let go, never latches, and costs nothing while it waits.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { at, CLI, session, type Running } from '../helpers/balancer.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { descriptors, freePort } from '../helpers/machine.ts';
import { echo, type Peer } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

async function ping(client: Peer, text = 'ping'): Promise<void> {
  await client.send(text);
  await client.expect(text);
}

async function crowd(lb: Running, count: number, port?: number): Promise<Peer[]> {
  return Promise.all(Array.from({ length: count }, () => lb.connect(port === undefined ? {} : { port })));
}

inOneMode(
  'max_connections: who is over it waits, is served in turn, and the limit never latches',
  async (lab) => {
    const backend = (await lab.backend()).serve(echo);
    const lb = await lab.start({ backends: [at(backend)], max_connections: 5 });
    for (let round = 0; round < 6; round += 1) {
      const clients = await crowd(lb, 15);
      await lb.untilMetric('active_connections', 5);
      const answered = new Set<Peer>();
      for (const client of clients) {
        client.socket.write('hello');
        void client.take(5).then(
          () => answered.add(client),
          () => undefined,
        );
      }
      await until(
        () => answered.size === 5,
        () => `five are served: ${answered.size}`,
      );
      assert.ok(backend.open() <= 5, `${backend.open()} sessions`);
      // Each that leaves lets one in; all are served in the end.
      await until(
        () => {
          for (const client of answered) client.close();
          return answered.size === 15;
        },
        () => `all are served: ${answered.size}`,
      );
      await lb.untilMetric('active_connections', 0);
    }
  },
);

inOneMode('two addresses under one limit: full by one, the other waits in peace', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const [one, two] = [await freePort(), await freePort()];
  const lb = await lab.start({
    listen: [`127.0.0.1:${one}`, `127.0.0.1:${two}`],
    backends: [at(backend)],
    max_connections: 4,
  });
  const first = await crowd(lb, 4, one);
  await Promise.all(first.map((client) => ping(client)));
  const late = await lb.connect({ port: two });
  late.socket.write('late');
  const share = await lb.cpuShare(600);
  assert.ok(share < 0.3, `${Math.round(share * 100)} % of a core while one waits`);
  assert.equal(late.received(), 0);
  first[0]?.close();
  await late.expect('late');
});

inOneMode('metrics and readiness answer while the listener is full', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], max_connections: 2 });
  await crowd(lb, 6);
  await lb.untilMetric('active_connections', 2);
  await lb.untilMetric('ultrabalancer_l4_sessions_total', 2);
});

inOneMode('two listeners have limits of their own', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const [one, two] = [await freePort(), await freePort()];
  const lb = await lab.start({
    listeners: {
      small: { listen: `127.0.0.1:${one}`, pool: 'p', max_connections: 1 },
      large: { listen: `127.0.0.1:${two}`, pool: 'p' },
    },
    pools: { p: { backends: [at(backend)] } },
  });
  await crowd(lb, 3, one);
  await lb.untilMetric('active_connections', 1, { listener: 'small' });
  for (const client of await crowd(lb, 5, two)) await ping(client);
  assert.equal(await lb.metric('active_connections', { listener: 'large' }), 5);
});

inBothModes(
  'out of descriptors: sessions go on, who waits costs nothing, service returns',
  async (lab, splice) => {
    const backend = (await lab.backend()).serve(echo);
    const lb = await lab.start({ backends: [at(backend)], splice });
    const running = await crowd(lb, 5);
    for (const client of running) await ping(client);
    // Descriptors take the lowest free numbers, and the limit is one on numbers.
    const limit = descriptors(lb.pid).total + 12;
    execFileSync('prlimit', ['--pid', String(lb.pid), `--nofile=${limit}:20000`]);
    const rush = await crowd(lb, 60);
    for (const client of rush) client.socket.write('let me in');
    await lb.untilLogged(/out of descriptors/);
    for (const client of running) await ping(client, 'still here');
    const share = await lb.cpuShare(1000);
    assert.ok(share < 0.3, `${Math.round(share * 100)} % of a core while nothing can be accepted`);
    const lines = lb.log().split('\n').length;
    assert.ok(lines < 60, `${lines} lines of log`);
    for (const client of rush) client.close();
    execFileSync('prlimit', ['--pid', String(lb.pid), '--nofile=20000:20000']);
    const fresh = await lb.connect();
    await ping(fresh, 'served again');
    assert.ok((await lb.metric('ultrabalancer_l4_accept_pauses_total')) > 0);
    for (const client of running) await ping(client, 'and still here');
  },
);

inBothModes(
  'out of descriptors: the metrics page still answers, and an operator too',
  async (lab, splice) => {
    const backend = (await lab.backend()).serve(echo);
    const admin = { socket: 'admin.sock' };
    const lb = await lab.start({ backends: [at(backend)], splice, admin });
    const running = await crowd(lb, 5);
    for (const client of running) await ping(client);
    const limit = descriptors(lb.pid).total + 60;
    execFileSync('prlimit', ['--pid', String(lb.pid), `--nofile=${limit}:20000`]);
    await quiet(100); // a limit that is changed from outside is seen within 50 ms
    const rush = await crowd(lb, 60);
    for (const client of rush) client.socket.write('let me in');
    await lb.untilLogged(/out of descriptors/);
    for (let i = 0; i < 5; i += 1)
      assert.ok((await lb.metric('ultrabalancer_l4_accept_pauses_total')) > 0, 'those who wait are told');
    const socket = join(dirname(lb.file), 'admin.sock');
    const { stdout } = await promisify(execFile)(process.execPath, [
      CLI,
      'ctl',
      '--socket',
      socket,
      'status',
    ]);
    assert.match(stdout, /serving/);
    assert.ok((await lb.metric('active_connections')) < 65, 'some of them do wait');
    // One leaves, one gets in: those few that are kept back are not used up bit by bit.
    for (const client of running) client.close();
    await lb.metrics();
    execFileSync('prlimit', ['--pid', String(lb.pid), '--nofile=20000:20000']);
    for (const client of rush) await client.expect('let me in');
  },
);

inOneMode(
  'a descriptor limit that cannot hold max_connections is told at start, with both numbers',
  async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start(
      { backends: [at(backend)], max_connections: 5000 },
      { wrap: ['prlimit', '--nofile=256:256'] },
    );
    await lb.untilLogged(/256/);
    await lb.untilLogged(/100\d\d/);
  },
);

inOneMode(
  "a backend's max_connections is never exceeded by two workers, and the excess goes elsewhere",
  async (lab) => {
    const [small, large] = [await lab.backend(), await lab.backend()];
    let most = 0;
    small.serve((peer) => {
      most = Math.max(most, small.open());
      echo(peer);
    });
    large.serve(echo);
    const lb = await lab.start({ backends: [at(small, { max_connections: 3 }), at(large)] });
    for (let round = 0; round < 5; round += 1) {
      const clients = await crowd(lb, 40);
      await Promise.all(clients.map((client) => ping(client)));
      assert.ok(small.open() <= 3 && most <= 3, `${most} at once`);
      assert.ok((await lb.metric('ultrabalancer_l4_backend_sessions', { backend: small.key })) <= 3);
      for (const client of clients) client.close();
      await lb.untilMetric('active_connections', 0);
      await until(() => small.open() === 0, 'the small backend is free');
    }
    assert.equal(most, 3);
  },
);

inOneMode('every backend full: the rest is served in turn or let go, nothing sticks', async (lab) => {
  const [one, two] = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
  const full = { max_connections: 1 };
  const lb = await lab.start({ algorithm: 'least_connections', backends: [at(one, full), at(two, full)] });
  const clients = await crowd(lb, 30);
  const outcomes = await Promise.all(
    clients.map(async (client) => {
      client.socket.write('x');
      const outcome = await Promise.race([
        client.take(1).then(
          () => 'served',
          () => 'let go',
        ),
      ]);
      client.close();
      return outcome;
    }),
  );
  assert.ok(outcomes.filter((outcome) => outcome === 'served').length >= 2);
  await lb.untilMetric('active_connections', 0);
  await ping(await lb.connect());
});

inBothModes('a client that never speaks hears a backend that speaks first, at once', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice });
  const client = await lb.connect();
  const peer = await backend.accept();
  await peer.send('220 ready');
  await client.expect('220 ready');
  const second = await session(lb, backend);
  await second.peer.send('hello');
  await second.client.expect('hello');
});
