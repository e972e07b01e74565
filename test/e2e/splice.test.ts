// Bytes on their way: small, large, many, in both directions, against readers that pause; with and without pipes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { at, pair, session } from '../helpers/balancer.ts';
import { until, within } from '../helpers/deadline.ts';
import { descriptors, memory } from '../helpers/machine.ts';
import { dice, payload } from '../helpers/payload.ts';
import { echo, type Peer } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode, LONG } from './modes.ts';

const MIB = 1 << 20;

/** Sends it all, in pieces as large as chance wants, and then FIN. */
async function pour(peer: Peer, seed: number, size: number): Promise<void> {
  const from = payload(seed);
  const chance = dice(seed);
  for (let sent = 0; sent < size;) {
    const count = Math.min(size - sent, 1 + Math.floor(chance() * 256 * 1024));
    await peer.send(from.at(sent, count), 20_000);
    sent += count;
  }
  peer.fin();
}

/** Reads to the end, and pauses now and then. */
async function sip(peer: Peer, seed: number, pauseMs: number): Promise<void> {
  peer.verify(payload(seed));
  const chance = dice(seed + 1);
  peer.socket.on('data', () => {
    if (chance() > 0.1) return;
    peer.pause();
    setTimeout(() => peer.resume(), chance() * pauseMs);
  });
  await peer.expectFin(20_000);
}

inBothModes('thousands of one-byte segments for a paused reader: none stays behind', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  client.pause();
  const count = 3000;
  const bytes = payload(21).at(0, count);
  for (let i = 0; i < count; i += 1) {
    peer.socket.write(bytes.subarray(i, i + 1));
    // One turn of the loop between two bytes: each is a segment of its own.
    if (i % 8 === 0) await new Promise(setImmediate);
  }
  client.verify(payload(21));
  client.resume();
  await until(
    () => client.received() === count,
    () => `${client.received()} of ${count} bytes`,
  );
  // The session is open and silent: nothing else would have woken a relay that had gone to sleep on them.
  assert.equal(client.end(), undefined);
});

inBothModes(
  'one-byte segments behind a way out that is full, then silence: all of them arrive',
  async (lab, splice) => {
    const { client, peer } = await pair(lab, { splice });
    client.pause();
    const from = payload(22);
    let sent = await peer.flood(from, 48 * MIB);
    for (let i = 0; i < 200; i += 1) peer.socket.write(from.at(sent + i, 1));
    sent += 200;
    client.verify(from);
    client.resume();
    await until(
      () => client.received() === sent,
      () => `${client.received()} of ${sent} bytes`,
      20_000,
    );
  },
);

inBothModes('bulk to a reader that pauses: exact, and counted exactly', async (lab, splice) => {
  const size = LONG ? 5000 * MIB : 48 * MIB;
  const { client, peer, lb } = await pair(lab, { splice });
  await within(Promise.all([pour(peer, 23, size), sip(client, 23, 5)]), 'bulk', 600_000);
  client.fin();
  assert.equal(client.received(), size);
  await lb.untilMetric('ultrabalancer_l4_relayed_bytes_total', size, { direction: 'to_client' });
  await lb.untilMetric('ultrabalancer_l4_relayed_bytes_total', 1, { direction: 'to_backend' });
  const spliced = await lb.metric('ultrabalancer_l4_spliced_bytes_total');
  if (splice === 'off') assert.equal(spliced, 0);
  else assert.ok(spliced > size / 2, `${spliced} of ${size} bytes were spliced`);
});

inBothModes('bulk both ways with pauses on both sides: exact', async (lab, splice) => {
  const size = 24 * MIB;
  const { client, peer } = await pair(lab, { splice });
  await within(
    Promise.all([pour(client, 24, size), pour(peer, 25, size), sip(client, 25, 10), sip(peer, 24, 10)]),
    'both directions',
    60_000,
  );
  assert.deepEqual([client.received(), peer.received()], [size, size + 1]);
});

inBothModes('small messages are not held back, not even after bulk', async (lab, splice) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice });
  const client = await lb.connect();
  const bulk = payload(26);
  const sending = client.send(bulk.at(0, 4 * MIB));
  assert.deepEqual(await client.take(4 * MIB), bulk.at(0, 4 * MIB));
  await sending;
  const waits: number[] = [];
  for (let i = 0; i < 200; i += 1) {
    const since = performance.now();
    await client.send(`message ${i}`);
    await client.expect(`message ${i}`);
    waits.push(performance.now() - since);
  }
  // A held-back segment waits for 40 or 200 ms each time. A busy machine is late now and then, not every time.
  const median = waits.sort((a, b) => a - b)[100] ?? 0;
  assert.ok(median < 30, `half of the exchanges took ${median} ms and more`);
});

inBothModes('hundreds of pauses around full buffers: no wake-up is lost', async (lab, splice) => {
  const small = { keep_alive: true, send_buffer: 16_384, receive_buffer: 16_384 };
  const { client, peer } = await pair(lab, { splice, connection_settings: small });
  const size = 16 * MIB;
  let pauses = 0;
  client.verify(payload(27));
  client.socket.on('data', () => {
    pauses += 1;
    client.pause();
    setImmediate(() => client.resume());
  });
  await Promise.all([pour(peer, 27, size), client.expectFin(20_000)]);
  assert.equal(client.received(), size);
  assert.ok(pauses > 200, `${pauses} pauses`);
});

inBothModes(
  'clients that never read: memory is bounded, their backends wait, nothing spins',
  async (lab, splice) => {
    const small = { send_buffer: 32_768, receive_buffer: 32_768 };
    const backend = await lab.backend();
    const lb = await lab.start({ backends: [at(backend)], splice, connection_settings: small });
    const limit = 16 * MIB;
    const flows: { client: Peer; sent: number; seed: number }[] = [];
    const before = memory(lb.pid);
    for (let seed = 30; seed < 36; seed += 1) {
      const { client, peer } = await session(lb, backend, { paused: true });
      const sent = await peer.flood(payload(seed), limit, 100);
      assert.ok(sent < limit, 'everything was taken');
      peer.fin();
      flows.push({ client, sent, seed });
    }
    const grown = memory(lb.pid) - before;
    assert.ok(grown < 24 * MIB, `${grown} bytes more memory`);
    const share = await lb.cpuShare(800);
    assert.ok(share < 0.3, `${Math.round(share * 100)} % of a core while nothing can move`);
    for (const { client, sent, seed } of flows) {
      client.verify(payload(seed));
      await client.expectFin(20_000);
      assert.equal(client.received(), sent);
    }
  },
);

inBothModes('clients that leave in the middle of a download do not kill the process', async (lab, splice) => {
  const backend = await lab.backend();
  // SIGPIPE as a supervisor leaves it: deadly unless somebody cares.
  const lb = await lab.start({ backends: [at(backend)], splice }, { wrap: ['env', '--default-signal=PIPE'] });
  backend.serve((peer) => {
    peer.socket.on('drain', () => peer.socket.write(Buffer.alloc(262_144)));
    peer.socket.write(Buffer.alloc(262_144));
  });
  for (let round = 0; round < 40; round += 1) {
    const client = await lb.connect();
    await client.take(100_000);
    if (round % 2 === 0) client.rst();
    else client.close();
  }
  await lb.untilMetric('active_connections', 0);
});

inOneMode('no descriptor for a pipe: every session still carries all its bytes', async (lab) => {
  const backend = await lab.backend();
  backend.serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice: 'on', workers: 1 });
  const clients: Peer[] = [];
  for (let i = 0; i < 4; i += 1) clients.push(await lb.connect());
  for (const client of clients) {
    await client.send('?');
    await client.expect('?');
  }
  // No new descriptor from here on; what is open stays. Idle pipes of the pool may serve, further ones can't be made.
  execFileSync('prlimit', ['--pid', String(lb.pid), '--nofile=4:20000']);
  const size = 4 * MIB;
  await Promise.all(
    clients.map(async (client, i) => {
      client.verify(payload(60 + i));
      await pour(client, 60 + i, size);
      await client.expectFin(20_000);
      assert.equal(client.received(), size + 1);
    }),
  );
  execFileSync('prlimit', ['--pid', String(lb.pid), '--nofile=20000:20000']);
  await lb.untilMetric('active_connections', 0);
});

inBothModes('an idle session holds no pipe', async (lab, splice) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice, workers: 1 });
  const before = descriptors(lb.pid).pipes;
  const clients: Peer[] = [];
  for (let i = 0; i < 40; i += 1) {
    const client = await lb.connect();
    const sending = client.send(payload(i).at(0, 200_000));
    assert.deepEqual(await client.take(200_000), payload(i).at(0, 200_000));
    await sending;
    clients.push(client);
  }
  // 16 are kept ready per worker, of two ends each.
  await until(
    () => descriptors(lb.pid).pipes - before <= 32,
    () => `${descriptors(lb.pid).pipes - before} ends of pipes`,
  );
});

inBothModes('random bytes at the front are payload like any other', async (lab, splice) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice });
  const chance = dice(77);
  await Promise.all(
    Array.from({ length: 150 }, async () => {
      const bytes = Buffer.from(
        Array.from({ length: 1 + Math.floor(chance() * 2000) }, () => Math.floor(chance() * 256)),
      );
      const client = await lb.connect();
      await client.send(bytes);
      client.fin();
      await client.expectFin();
      assert.deepEqual(client.rest(), bytes);
    }),
  );
});
