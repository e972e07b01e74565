// SIGHUP: taken whole or not at all, while sessions come and go and nobody notices.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';

import { at, pair, session, type Running, type Settings } from '../helpers/balancer.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { freePort, listensOn, memory, threads } from '../helpers/machine.ts';
import { payload } from '../helpers/payload.ts';
import { connect, echo, named } from '../helpers/tcp-script.ts';
import { type Crowd, visitor } from '../helpers/visitor.ts';
import { inBothModes, inOneMode, LONG } from './modes.ts';

inBothModes(
  'under load: nothing refused, reset or wrong, and long sessions stay exact',
  async (lab, splice) => {
    const backend = (await lab.backend()).serve(echo);
    const config = (round: number): Settings => ({
      backends: [at(backend, { weight: 1 + (round % 5) })],
      splice,
      max_connections: 1000 + round,
      workers: 1 + (round % 3),
    });
    const lb = await lab.start(config(0));
    const crowd: Crowd = { served: 0, done: false };
    async function stream(seed: number): Promise<void> {
      const client = await lb.connect();
      client.verify(payload(seed));
      let sent = 0;
      for (; !crowd.done; sent += 10_000) {
        await client.send(payload(seed).at(sent, 10_000));
        await quiet(5);
      }
      client.fin();
      await client.expectFin();
      assert.equal(client.received(), sent);
    }
    const load = Promise.all([
      visitor(lb, 1, crowd),
      visitor(lb, 2, crowd),
      visitor(lb, 3, crowd),
      stream(4),
      stream(5),
      stream(6),
    ]);
    const reloads = LONG ? 200 : 25;
    const driven = (async () => {
      for (let round = 1; round <= reloads; round += 1) {
        lb.write(config(round));
        assert.equal(await lb.reload(), 'taken');
      }
    })().finally(() => (crowd.done = true));
    await Promise.all([load, driven]);
    assert.ok(crowd.served > reloads, `${crowd.served} clients over ${reloads} reloads`);
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', crowd.served + 3, { reason: 'finished' });
  },
);

/** Clients that the kernel has connected and nobody has accepted, while the config changes. */
for (const [from, to] of [
  [2, 2],
  [4, 1],
  [1, 4],
] as const) {
  inBothModes(
    `clients in the accept queue survive a reload from ${from} to ${to} workers`,
    async (lab, splice) => {
      const backend = (await lab.backend()).serve(echo);
      const config = (workers: number): Settings => ({
        backends: [at(backend)],
        splice,
        workers,
        max_connections: 10 + workers,
      });
      const lb = await lab.start(config(from));
      // Full, so that further ones wait in the queues of every worker.
      const holders = await Promise.all(Array.from({ length: 10 + from }, () => lb.connect()));
      await lb.untilMetric('active_connections', 10 + from);
      const queued = await Promise.all(Array.from({ length: 40 }, () => lb.connect()));
      for (const [i, client] of queued.entries()) client.socket.write(`queued ${i}`);
      lb.write(config(to));
      assert.equal(await lb.reload(), 'taken');
      for (const holder of holders) holder.close();
      await Promise.all(
        queued.map(async (client, i) => {
          await client.expect(`queued ${i}`);
          client.close();
        }),
      );
    },
  );
}

const BAD: readonly (readonly [string, (lb: Running, settings: Settings) => void])[] = [
  ['a syntax error', (lb) => lb.writeText('listen: [1, 2\nbackends: }')],
  ['an unknown key', (lb, settings) => lb.write({ ...settings, max_conections: 5 })],
  ['an empty file', (lb) => lb.writeText('')],
  ['half a file', (lb, settings) => lb.writeText(JSON.stringify(settings).slice(0, 40))],
  ['no file', (lb) => rmSync(lb.file, { force: true })],
  [
    'a folder',
    (lb) => {
      rmSync(lb.file, { force: true });
      mkdirSync(lb.file);
    },
  ],
  [
    'a link to itself',
    (lb) => {
      rmSync(lb.file, { force: true });
      symlinkSync(lb.file, lb.file);
    },
  ],
];

inOneMode(
  'bad reloads of every kind: refused with a reason, what runs goes on, the next good one is taken',
  async (lab) => {
    const backend = await lab.backend();
    const settings: Settings = { backends: [at(backend)] };
    const lb = await lab.start(settings);
    const { client, peer } = await session(lb, backend);
    const generation = await lb.metric('ultrabalancer_l4_config_generation');
    for (const [what, spoil] of BAD) {
      spoil(lb, settings);
      assert.equal(await lb.reload(), 'refused', what);
      assert.equal(await lb.metric('ultrabalancer_l4_config_generation'), generation, what);
      await client.send(what);
      await peer.expect(what);
      const fresh = await session(lb, backend);
      fresh.client.close();
      rmSync(lb.file, { recursive: true, force: true });
    }
    assert.equal(await lb.metric('ultrabalancer_l4_reload_failures_total'), BAD.length);
    lb.write({ ...settings, max_connections: 50 });
    assert.equal(await lb.reload(), 'taken');
    await session(lb, backend);
  },
);

inOneMode(
  'a new port that is in use: nothing of the reload is applied, not even the other new port',
  async (lab) => {
    const backend = await lab.backend();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    lab.atEnd(() => void squatter.close());
    const taken = (squatter.address() as { port: number }).port;
    const free = await freePort();
    const lb = await lab.start({ backends: [at(backend)] });
    lb.write({
      listen: [`127.0.0.1:${lb.port}`, `127.0.0.1:${free}`, `127.0.0.1:${taken}`],
      backends: [at(backend)],
    });
    assert.equal(await lb.reload(), 'refused');
    assert.ok(!listensOn(free), 'half of a refused reload listens');
    await lb.untilLogged(new RegExp(`${taken}`));
    await session(lb, backend);
    squatter.close();
    await once(squatter, 'close');
    assert.equal(await lb.reload(), 'taken');
    assert.ok(listensOn(free) && listensOn(taken));
  },
);

inBothModes(
  'a listener that is taken away: its port is free, its sessions live; one that is added serves',
  async (lab, splice) => {
    const backend = await lab.backend();
    const [old, fresh] = [await freePort(), await freePort()];
    const both = (ports: number[]): Settings => ({
      listen: ports.map((port) => `127.0.0.1:${port}`),
      backends: [at(backend)],
      splice,
    });
    const lb = await lab.start(both([old]));
    const client = await lb.connect({ port: old });
    await client.send('old');
    const peer = await backend.accept();
    await peer.expect('old');
    lb.write(both([fresh]));
    assert.equal(await lb.reload(), 'taken');
    await until(() => !listensOn(old), 'the old port is closed');
    const heir = createServer().listen(old, '127.0.0.1');
    await once(heir, 'listening');
    lab.atEnd(() => void heir.close());
    await client.send('still');
    await peer.expect('still');
    const next = await lb.connect({ port: fresh });
    await next.send('new');
    const other = await backend.accept();
    await other.expect('new');
    await peer.send(payload(9).at(0, 300_000));
    assert.deepEqual(await client.take(300_000), payload(9).at(0, 300_000));
  },
);

inBothModes('a backend that is taken away keeps its sessions, new ones go elsewhere', async (lab, splice) => {
  const { client, peer, backend, lb } = await pair(lab, { splice });
  const other = (await lab.backend()).serve(named('other'));
  lb.write({ backends: [at(other)], splice });
  assert.equal(await lb.reload(), 'taken');
  await client.send('mine');
  await peer.expect('mine');
  const next = await lb.connect();
  await next.send('?');
  await next.expect('other');
  assert.equal(backend.accepted(), 1);
  client.fin();
  await peer.expectFin();
  peer.fin();
  await client.expectFin();
});

inBothModes(
  'a reload in the middle of a half-closed session and of one with bytes on their way',
  async (lab, splice) => {
    const { client, peer, backend, lb } = await pair(lab, { splice });
    const busy = await session(lb, backend, { paused: true });
    const sent = await busy.peer.flood(payload(10), 24 << 20);
    client.fin();
    await peer.expectFin();
    lb.write({ backends: [at(backend)], splice, buffer_size: 4096, workers: 1 });
    assert.equal(await lb.reload(), 'taken');
    await peer.send('late answer');
    await client.expect('late answer');
    peer.fin();
    await client.expectFin();
    busy.peer.fin();
    busy.client.verify(payload(10));
    await busy.client.expectFin();
    assert.equal(busy.client.received(), sent);
  },
);

inOneMode('reloads under long sessions do not pile up threads, descriptors or memory', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const config = (round: number): Settings => ({
    backends: [at(backend)],
    max_connections: 100 + round,
    workers: 1 + (round % 2),
  });
  const lb = await lab.start(config(0));
  const client = await lb.connect();
  const turn = async (round: number): Promise<void> => {
    lb.write(config(round));
    assert.equal(await lb.reload(), 'taken');
    await client.send('still exact');
    await client.expect('still exact');
  };
  for (let round = 1; round <= 20; round += 1) await turn(round);
  const before = { threads: threads(lb.pid), memory: memory(lb.pid) };
  for (let round = 21; round <= (LONG ? 300 : 60); round += 1) await turn(round);
  await until(
    () => threads(lb.pid) <= before.threads + 1,
    () => `${threads(lb.pid)} threads, were ${before.threads}`,
  );
  const grown = memory(lb.pid) - before.memory;
  assert.ok(grown < 40 << 20, `${grown} bytes more`);
});

inOneMode('metrics move to another port by reload', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  const elsewhere = await freePort();
  lb.write({ backends: [at(backend)], monitoring: { prometheus: { enabled: true, port: elsewhere } } });
  lb.signal('SIGHUP');
  await until(() => listensOn(elsewhere) && !listensOn(lb.metricsPort), 'metrics have moved');
  lb.write({ backends: [at(backend)] });
  lb.signal('SIGHUP');
  await until(() => listensOn(lb.metricsPort) && !listensOn(elsewhere), 'metrics are back');
  const client = await connect(lb.port);
  await (await backend.accept()).send('!');
  await client.expect('!');
  client.close();
});
