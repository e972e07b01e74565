// One side has ended its direction, the other has not: what must still pass, for how long, and how it ends.

import assert from 'node:assert/strict';

import { at, pair, session } from '../helpers/balancer.ts';
import { blackHole } from '../helpers/black-hole.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { taken } from '../helpers/machine.ts';
import { payload } from '../helpers/payload.ts';
import { inBothModes } from './modes.ts';

const MIB = 1 << 20;

inBothModes('a client that has ended its request gets the whole answer', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  await client.send('request');
  client.fin();
  await peer.expect('request');
  await peer.expectFin();
  const answer = payload(1);
  await peer.send(answer.at(0, 100_000));
  peer.fin();
  client.verify(answer);
  await client.expectFin();
  assert.equal(client.received(), 100_000);
});

inBothModes('a backend that has said everything still gets the upload', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  await peer.send('bye');
  peer.fin();
  await client.expect('bye');
  await client.expectFin();
  const upload = payload(2);
  peer.verify(upload);
  await client.send(upload.at(0, 100_000));
  client.fin();
  await peer.expectFin();
  assert.equal(peer.received(), 100_001);
});

inBothModes('what a client wrote right before it closed arrives, and then FIN', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice });
  const heard: string[] = [];
  const sent: string[] = [];
  backend.serve(async (peer) => {
    const end = await peer.ends();
    heard.push(`${peer.rest().toString()} ${end}`);
    peer.fin();
  });
  for (let round = 0; round < 200; round += 1) {
    const client = await lb.connect();
    const text = `message ${round}`;
    sent.push(`${text} fin`);
    client.socket.write(text);
    client.fin();
    if (round % 2 === 0) client.socket.destroySoon();
  }
  await until(
    () => heard.length === 200,
    () => `200 messages: ${heard.length}`,
  );
  assert.deepEqual(heard.sort(), sent.sort());
});

inBothModes('a client may write and close before its backend has been reached', async (lab, splice) => {
  const hole = await blackHole();
  lab.atEnd(hole.close);
  const lb = await lab.start({ backends: [at(hole.port)], splice, timeouts: { connect: 10 } });
  for (const text of ['first', 'second']) {
    const client = await lb.connect();
    await client.send(text);
    client.socket.destroySoon();
  }
  await lb.untilMetric('active_connections', 2);
  hole.open();
  const seen = [await hole.next(), await hole.next()];
  assert.deepEqual(seen.map(({ text, end }) => `${text} ${end}`).sort(), ['first fin', 'second fin']);
});

inBothModes('the upload of a client that has gone is delivered to a slow backend', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  peer.fin();
  await client.expectFin();
  peer.pause();
  const upload = payload(3);
  const sent = await client.flood(upload, 48 * MIB);
  client.socket.destroySoon();
  peer.verify(upload);
  await peer.expectFin();
  assert.equal(peer.received(), sent + 1);
});

inBothModes('a side that never ends is given half_close, and both are freed', async (lab, splice) => {
  const { client, peer, backend, lb } = await pair(lab, {
    splice,
    timeouts: { half_close: 1, keepalive: 30 },
  });
  const other = await session(lb, backend);
  const since = performance.now();
  client.fin();
  await peer.expectFin();
  other.peer.fin();
  await other.client.expectFin();
  await lb.untilMetric('active_connections', 0);
  const took = performance.now() - since;
  assert.ok(took > 950, `ended after ${took} ms`);
  assert.equal(
    await lb.metric('ultrabalancer_l4_sessions_closed_total', { reason: 'half_close_timeout' }),
    2,
  );
});

inBothModes('a side that trickles is not silent: half_close does not end it', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice, timeouts: { half_close: 0.4, keepalive: 30 } });
  client.fin();
  await peer.expectFin();
  for (let i = 0; i < 8; i += 1) {
    await quiet(150);
    await peer.send('tick');
    await client.expect('tick');
  }
  peer.fin();
  await client.expectFin();
});

inBothModes(
  'FIN while the other direction is stuck: nothing spins, then every byte and FIN',
  async (lab, splice) => {
    const { client, peer, lb } = await pair(lab, { splice });
    client.pause();
    const answer = payload(4);
    const sent = await peer.flood(answer, 48 * MIB);
    assert.ok(sent < 48 * MIB, 'nobody reads, and everything was taken');
    peer.fin();
    client.fin();
    await peer.expectFin();
    const share = await lb.cpuShare(1000);
    assert.ok(share < 0.3, `${Math.round(share * 100)} % of a core while nothing can move`);
    client.verify(answer);
    await client.expectFin();
    assert.equal(client.received(), sent);
  },
);

inBothModes('uploads into a closed backend do not cost the client its download', async (lab, splice) => {
  const { client, peer, backend } = await pair(lab, { splice });
  client.pause();
  const answer = payload(5);
  const size = 400_000;
  await peer.send(answer.at(0, size));
  const { localPort = 0, remotePort = 0 } = peer.socket;
  await until(async () => (await taken(localPort, remotePort)) === size, 'the balancer has the whole answer');
  peer.close();
  await until(() => backend.open() === 0, 'the backend has closed');
  for (let i = 0; i < 40 && client.end() === undefined; i += 1) {
    await client.send(Buffer.alloc(100, 'u'));
    await quiet(5);
  }
  client.verify(answer);
  const end = await client.ends();
  assert.equal(client.received(), size, `the download ended with ${end}`);
});

inBothModes('both sides end at once with a megabyte under way each', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice });
  const up = payload(6);
  const down = payload(7);
  client.verify(down);
  peer.verify(up);
  const sent = [client.send(up.at(0, MIB)), peer.send(down.at(0, MIB))];
  client.fin();
  peer.fin();
  await Promise.all([...sent, client.expectFin(), peer.expectFin()]);
  assert.deepEqual([client.received(), peer.received()], [MIB, MIB + 1]);
});

inBothModes('a backend that goes on writing to a client that has left is told so', async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice, timeouts: { half_close: 20 } });
  await peer.send('answer');
  await client.expect('answer');
  client.close();
  await peer.expectFin();
  await until(async () => {
    if (peer.end() === 'rst' || peer.socket.destroyed) return true;
    peer.socket.write('!');
    await quiet(5);
    return false;
  }, 'writes are refused');
  await lb.untilMetric('active_connections', 0);
});
