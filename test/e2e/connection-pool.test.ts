// Connections made ahead of clients: each serves one session, once, and one that died in waiting costs nobody anything.
// Sessions that end after so many turns.

import assert from 'node:assert/strict';

import { at, session } from '../helpers/balancer.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { echo, type Peer } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

inBothModes('a session takes a connection that stands already, and another is made', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start(
    { backends: [at(backend)], splice, workers: 1, connection_pool: { min_size: 2, max_size: 4 } },
    { spareSockets: 4 },
  );
  await until(
    () => backend.accepted() === 2,
    () => `two stand ready: ${backend.accepted()}`,
  );
  const [first, second] = [await backend.accept(), await backend.accept()];
  const client = await lb.connect();
  await client.send('quick');
  const mine = await until(
    () => [first, second].find((peer) => peer.received() > 0),
    'one of the two is used',
  );
  await mine.expect('quick');
  await mine.send('answer');
  await client.expect('answer');
  await until(() => backend.accepted() >= 3, 'another is made');
});

inBothModes('no connection is lent twice: a hundred clients, a hundred connections', async (lab, splice) => {
  const backend = await lab.backend();
  const heard: string[] = [];
  backend.serve(async (peer) => {
    const end = await peer.ends(30_000);
    const text = peer.rest().toString();
    if (text !== '') heard.push(`${text} ${end}`);
    peer.fin();
  });
  const lb = await lab.start(
    { backends: [at(backend)], splice, connection_pool: { min_size: 4, max_size: 16 } },
    { spareSockets: 32 },
  );
  const sent: string[] = [];
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const text = `client-${round}-${i}`;
        sent.push(`${text} fin`);
        const client = await lb.connect();
        client.socket.write(text);
        client.fin();
        await client.expectFin();
        client.close();
      }),
    );
  }
  await until(
    () => heard.length === 100,
    () => `each is heard: ${heard.length}`,
  );
  assert.deepEqual(heard.sort(), sent.sort());
});

inOneMode('a backend that drops idle connections, in order or not: no client notices', async (lab) => {
  const backend = await lab.backend();
  const idle = new Set<Peer>();
  backend.serve((peer) => {
    idle.add(peer);
    peer.socket.on('data', () => idle.delete(peer));
    peer.socket.on('close', () => idle.delete(peer));
    echo(peer);
  });
  const lb = await lab.start(
    { backends: [at(backend)], connection_pool: { min_size: 3, max_size: 3 } },
    { spareSockets: 6 },
  );
  for (let round = 0; round < 20; round += 1) {
    await until(() => idle.size > 0, 'connections stand ready');
    for (const peer of idle) {
      if (round % 2 === 0) peer.rst();
      else peer.close();
    }
    const client = await lb.connect();
    await client.send(`round ${round}`);
    await client.expect(`round ${round}`);
    client.close();
  }
});

inOneMode('a backend that speaks first is heard, however long its connection had stood', async (lab) => {
  const backend = await lab.backend();
  backend.serve((peer) => void peer.socket.write('220 ready'));
  const lb = await lab.start(
    { backends: [at(backend)], connection_pool: { min_size: 1, max_size: 2 } },
    { spareSockets: 4 },
  );
  for (let i = 0; i < 10; i += 1) {
    const client = await lb.connect();
    await client.expect('220 ready');
    client.close();
  }
});

inOneMode(
  'a connection that nobody needed in time is replaced, and there are never more than max_size',
  async (lab) => {
    const backend = await lab.backend();
    backend.serve((peer) => peer.ends(30_000).then(peer.close));
    await lab.start(
      { backends: [at(backend)], connection_pool: { min_size: 2, max_size: 2, timeout: 0.3 } },
      { spareSockets: 4 },
    );
    await until(
      () => backend.accepted() >= 6,
      () => `they are replaced: ${backend.accepted()}`,
    );
    // One that is being replaced may still be on its way out.
    assert.ok(backend.open() <= 4, `${backend.open()} at once`);
  },
);

inOneMode("connections made ahead count against a backend's max_connections", async (lab) => {
  const backend = await lab.backend();
  let most = 0;
  backend.serve((peer) => {
    most = Math.max(most, backend.open());
    echo(peer);
  });
  const lb = await lab.start(
    {
      backends: [at(backend, { max_connections: 3 })],
      workers: 2,
      connection_pool: { min_size: 3, max_size: 8 },
    },
    { spareSockets: 8 },
  );
  for (let round = 0; round < 10; round += 1) {
    const client = await lb.connect();
    await client.send('x');
    await client.expect('x');
    client.fin();
    await client.expectFin();
    await lb.untilMetric('active_connections', 0);
  }
  // The backend sees the end of one and the beginning of the next in an order of its own.
  assert.ok(most <= 4, `${most} at once`);
});

inBothModes(
  'max_requests_per_connection: so many turns, then an end at an idle moment',
  async (lab, splice) => {
    const backend = (await lab.backend()).serve(echo);
    const lb = await lab.start({
      backends: [at(backend)],
      splice,
      connection_settings: { max_requests_per_connection: 3 },
    });
    const client = await lb.connect();
    for (let turn = 0; turn < 3; turn += 1) {
      await client.send(`turn ${turn}`);
      await client.expect(`turn ${turn}`);
      if (turn < 2) await quiet(20);
    }
    await client.expectFin();
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'turn_limit' });
  },
);

inBothModes('an answer under way is not cut by the turn limit', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({
    backends: [at(backend)],
    splice,
    connection_settings: { max_requests_per_connection: 1 },
  });
  const { client, peer } = await session(lb, backend);
  for (let part = 0; part < 5; part += 1) {
    await peer.send(`part ${part};`);
    await client.expect(`part ${part};`);
  }
  await client.expectFin();
});
