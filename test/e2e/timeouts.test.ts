// Every silence has a limit of its own: it ends what it is for, when it is due and no sooner, and nothing else.
// Upper bounds are patience's: a busy machine is late.

import assert from 'node:assert/strict';

import { at, pair, session, type Running } from '../helpers/balancer.ts';
import { quiet } from '../helpers/deadline.ts';
import { payload } from '../helpers/payload.ts';
import type { Peer } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

const MIB = 1 << 20;
const OFF = { read: 0, write: 0, keepalive: 0, half_close: 0 };

/** That both ends see an end, not before `least` ms since `since`, for this reason. */
async function endsFor(
  lb: Running,
  reason: string,
  since: number,
  least: number,
  peers: Peer[],
): Promise<void> {
  for (const peer of peers) assert.match(await peer.ends(), /^(fin|rst)$/);
  const took = performance.now() - since;
  assert.ok(took >= least * 0.95, `after ${took} ms instead of ${least}`);
  for (const peer of peers) peer.close();
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason });
}

inBothModes('keepalive: silence while nothing is owed ends a session, used or not', async (lab, splice) => {
  const { client, peer, lb, backend } = await pair(lab, { splice, timeouts: { ...OFF, keepalive: 0.5 } });
  await peer.send('!');
  const since = performance.now();
  await client.expect('!');
  await endsFor(lb, 'idle_timeout', since, 500, [client, peer]);
  const unused = await lb.connect();
  const other = await backend.accept();
  assert.match(await unused.ends(), /^(fin|rst)$/);
  assert.match(await other.ends(), /^(fin|rst)$/);
});

inBothModes('any byte in either direction begins the silence anew', async (lab, splice) => {
  const { client, peer } = await pair(lab, { splice, timeouts: { ...OFF, keepalive: 0.6, read: 0.6 } });
  for (let i = 0; i < 10; i += 1) {
    await quiet(120);
    const [from, to] = i % 3 === 0 ? [client, peer] : [peer, client];
    await from.send('.');
    await to.expect('.');
  }
  assert.equal(client.end(), undefined);
});

inBothModes(
  'read: a backend that owes an answer is given so long; an idle session is not held to it',
  async (lab, splice) => {
    const { client, peer, lb, backend } = await pair(lab, {
      splice,
      timeouts: { ...OFF, read: 0.4, keepalive: 30 },
    });
    await peer.send('answered');
    await client.expect('answered');
    const owed = await session(lb, backend);
    const since = performance.now();
    await owed.client.send('question');
    await owed.peer.expect('question');
    await endsFor(lb, 'read_timeout', since, 400, [owed.client, owed.peer]);
    await client.send('still here');
    await peer.expect('still here');
  },
);

inBothModes(
  'write: a side that takes nothing is given so long; a slow one keeps its session',
  async (lab, splice) => {
    const small = { send_buffer: 16_384, receive_buffer: 16_384 };
    const { client, peer, lb } = await pair(lab, {
      splice,
      connection_settings: small,
      timeouts: { ...OFF, write: 0.6 },
    });
    client.pause();
    const since = performance.now();
    const flooding = peer.flood(payload(1), 64 * MIB, 2000);
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'write_timeout' });
    assert.ok(performance.now() - since > 570);
    await flooding;
    client.verify(payload(1));
    // Bytes were lost: that must not look like an end.
    await client.expectRst();
  },
);

inBothModes('silence with full buffers both ways and nobody reading ends as well', async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, {
    splice,
    timeouts: { ...OFF, write: 0.8, keepalive: 0.8, read: 0.8 },
  });
  client.pause();
  peer.pause();
  await Promise.all([client.flood(payload(2), 32 * MIB, 100), peer.flood(payload(3), 32 * MIB, 100)]);
  await lb.untilMetric('active_connections', 0);
});

inOneMode('first_byte: a client that never speaks is let go, one that spoke stays', async (lab) => {
  const { client, peer, lb } = await pair(lab, { timeouts: { ...OFF, first_byte: 0.4 } });
  const since = performance.now();
  const mute = await lb.connect();
  await endsFor(lb, 'first_byte_timeout', since, 400, [mute]);
  await client.send('here');
  await peer.expect('here');
});

inBothModes("session: a session's age is bounded, busy or not", async (lab, splice) => {
  const since = performance.now();
  const { client, peer, lb } = await pair(lab, {
    splice,
    timeouts: { ...OFF, session: 0.8, session_jitter: 0 },
  });
  const busy = setInterval(() => peer.socket.write('tick'), 20);
  lab.atEnd(() => clearInterval(busy));
  assert.match(await client.ends(), /^(fin|rst)$/);
  clearInterval(busy);
  assert.ok(performance.now() - since > 760);
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 1, { reason: 'session_timeout' });
});

inOneMode('0 is off: nothing of it ends a silent session', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], timeouts: { ...OFF, first_byte: 0, session: 0 } });
  const { client, peer } = await session(lb, backend);
  await quiet(1200);
  await client.send('anybody?');
  await peer.expect('anybody?');
});
