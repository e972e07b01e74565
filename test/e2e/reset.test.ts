// A reset says that something is missing. It passes as a reset, behind every byte that came before it, and never turns
// into an orderly end.

import assert from 'node:assert/strict';

import { at, pair, session } from '../helpers/balancer.ts';
import { blackHole, refusingPort } from '../helpers/black-hole.ts';
import { until } from '../helpers/deadline.ts';
import { taken } from '../helpers/machine.ts';
import { dice, payload } from '../helpers/payload.ts';
import { echo, type Peer } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode, LONG } from './modes.ts';

const MIB = 1 << 20;

inBothModes("a backend's reset reaches the client as one", async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice });
  peer.rst();
  await client.expectRst();
  assert.equal(client.received(), 0);
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'backend_reset' });
});

inBothModes("a client's reset reaches the backend as one", async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice });
  client.rst();
  await peer.expectRst();
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'client_reset' });
});

/** Bytes of `from` that the balancer has for certain, once no more of them move. */
async function floodAndCount(from: Peer, seed: number): Promise<number> {
  const sent = await from.flood(payload(seed), 32 * MIB);
  assert.ok(sent < 32 * MIB, 'nobody reads, and everything was taken');
  const { localPort = 0, remotePort = 0 } = from.socket;
  let last = -1;
  return until(async () => {
    const before = last;
    last = (await taken(localPort, remotePort)) ?? 0;
    return last === before && last;
  }, 'the balancer takes no more');
}

inBothModes('a paused client gets every byte before the reset that followed them', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  client.pause();
  const { localPort = 0, remotePort = 0 } = peer.socket;
  const held = await floodAndCount(peer, 11);
  peer.rst();
  await until(async () => (await taken(localPort, remotePort)) === undefined, 'the reset has arrived');
  client.verify(payload(11));
  await client.expectRst();
  assert.ok(client.received() >= held, `${client.received()} of ${held} bytes`);
});

inBothModes('a paused backend gets every byte before the reset that followed them', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  peer.pause();
  const held = await floodAndCount(client, 12);
  client.rst();
  peer.verify(payload(12));
  await peer.expectRst();
  assert.ok(peer.received() >= held, `${peer.received()} of ${held} bytes`);
});

inBothModes('bytes and a reset in one moment: the bytes, then the reset', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice, workers: 1 });
  for (const seed of [13, 14, 15]) {
    const { client, peer } = await session(lb, backend);
    lb.signal('SIGSTOP');
    const { localPort = 0, remotePort = 0 } = peer.socket;
    await peer.send(payload(seed).at(0, 5000));
    await until(async () => (await taken(localPort, remotePort)) === 5000, 'its kernel has them');
    peer.rst();
    await until(() => backend.open() === 0, 'the backend has reset');
    lb.signal('SIGCONT');
    client.verify(payload(seed));
    await client.expectRst();
    assert.equal(client.received(), 5000);
  }
});

inBothModes(
  'a client that resets before its backend was reached leaves nothing behind',
  async (lab, splice) => {
    const backend = await lab.backend();
    const lb = await lab.start({ backends: [at(backend)], splice });
    const heard: string[] = [];
    backend.serve(async (peer) => {
      const end = await peer.ends();
      heard.push(`${peer.rest().toString()} ${end}`);
      peer.close();
    });
    for (let i = 0; i < 100; i += 1) {
      const client = await lb.connect();
      await client.send('message');
      client.rst();
    }
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 100);
    await until(() => backend.open() === 0, 'backends have ended');
    // A reset overtakes bytes that its own side has not read yet: then there are none. It never becomes a FIN.
    for (const text of heard) assert.match(text, /^(message)? ?rst$/);
  },
);

inBothModes(
  'silent clients that reset while their backend is dialled end the dialling',
  async (lab, splice) => {
    const hole = await blackHole();
    lab.atEnd(hole.close);
    const lb = await lab.start({ backends: [at(hole.port)], splice, timeouts: { connect: 20 } });
    const clients = await Promise.all(Array.from({ length: 10 }, () => lb.connect()));
    await lb.untilMetric('active_connections', 10);
    for (const client of clients) client.rst();
    await lb.untilMetric('active_connections', 0);
    assert.equal(await lb.metric('ultrabalancer_l4_sessions_closed_total', { reason: 'client_reset' }), 10);
  },
);

inBothModes(
  'bytes and a reset while the backend is dialled: it gets both, in that order',
  async (lab, splice) => {
    const hole = await blackHole();
    lab.atEnd(hole.close);
    const lb = await lab.start({ backends: [at(hole.port)], splice, timeouts: { connect: 20 } });
    const client = await lb.connect();
    await client.send('message');
    await lb.untilMetric('active_connections', 1);
    client.rst();
    hole.open();
    assert.deepEqual(await hole.next(), { text: 'message', end: 'rst' });
  },
);

inOneMode(
  'refused by every backend: each is tried once, the client is let go, all is counted',
  async (lab) => {
    const refusing = await Promise.all([refusingPort(), refusingPort(), refusingPort()]);
    for (const port of refusing) lab.atEnd(port.close);
    const lb = await lab.start({ backends: refusing.map(({ port }) => at(port)), retries: 2 });
    const rounds = 10;
    for (let i = 0; i < rounds; i += 1) {
      const client = await lb.connect();
      client.socket.write('anyone?');
      assert.match(await client.ends(), /^(fin|rst)$/);
      assert.equal(client.received(), 0);
    }
    for (const { port } of refusing) {
      await lb.untilMetric('ultrabalancer_l4_connect_failures_total', rounds, {
        backend: `127.0.0.1:${port}`,
        reason: 'refused',
      });
    }
    await lb.untilMetric('ultrabalancer_l4_retries_total', 2 * rounds);
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', rounds, { reason: 'connect_failed' });
  },
);

inBothModes('a storm of resets from either side at any moment', async (lab, splice) => {
  const rounds = LONG ? 4000 : 600;
  const chance = dice(99);
  const sizes = [0, 1, 5000, 300_000];
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice });
  const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, chance() * 4));
  backend.serve(async (peer) => {
    peer.socket.write(payload(1).at(0, sizes[Math.floor(chance() * 4)] ?? 0));
    await moment();
    if (chance() < 0.5) peer.rst();
    else await peer.ends().then(peer.close);
  });
  const visitor = async (): Promise<void> => {
    for (let i = 0; i < rounds / 8; i += 1) {
      const client = await lb.connect();
      if (client.end() === undefined)
        client.socket.write(payload(2).at(0, sizes[Math.floor(chance() * 4)] ?? 0));
      await moment();
      client.rst();
    }
  };
  await Promise.all(Array.from({ length: 8 }, visitor));
  await lb.untilMetric('active_connections', 0);
  backend.serve(echo);
  const client = await lb.connect();
  await client.send('calm again');
  await client.expect('calm again');
});
