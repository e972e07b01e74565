// What goes wrong where descriptors, events and wake-ups are mixed up: foreign bytes, lost ends, spinning.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { at, pair } from '../helpers/balancer.ts';
import { refusingPort } from '../helpers/black-hole.ts';
import { until } from '../helpers/deadline.ts';
import { cpuSeconds } from '../helpers/machine.ts';
import { echo } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode, LONG } from './modes.ts';

const ROUNDS = LONG ? 20_000 : 1500;

inBothModes(
  'sessions that both sides end in one moment, on recycled descriptors: no foreign byte',
  async (lab, splice) => {
    const backend = await lab.backend();
    // Both sides end as soon as the token has passed, the backend first or the client first.
    backend.serve(async (peer) => {
      const token = await peer.take(12);
      peer.socket.write(token);
      if (token.readUInt8(11) % 2 === 0) peer.fin();
      await peer.ends();
      peer.close();
    });
    // Few descriptors to spare: numbers come back at once.
    const lb = await lab.start(
      { backends: [at(backend)], splice, workers: 1, max_connections: 64 },
      { wrap: ['prlimit', '--nofile=220'] },
    );
    let next = 0;
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (next < ROUNDS) {
          const token = `token-${String(next++).padStart(6, '0')}`;
          const client = await lb.connect();
          client.socket.write(token);
          client.fin();
          await client.expect(token);
          await client.expectFin();
          client.close();
        }
      }),
    );
    await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', next, { reason: 'finished' });
    assert.equal(backend.accepted(), next);
  },
);

inBothModes('a reset from one side and an end from the other in one moment', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice });
  for (let round = 0; round < 60; round += 1) {
    const client = await lb.connect();
    const peer = await backend.accept();
    const ends = [client.fin, client.rst, client.close];
    const other = [peer.fin, peer.rst, peer.close];
    ends[round % 3]?.();
    other[Math.floor(round / 3) % 3]?.();
  }
  for (const peer of [await lb.connect()]) peer.close();
});

inBothModes(
  'a backend that greets and closes at once is heard by a client that never spoke',
  async (lab, splice) => {
    const backend = await lab.backend();
    backend.serve((peer) => {
      peer.socket.end('welcome and goodbye');
    });
    const lb = await lab.start({ backends: [at(backend)], splice });
    for (let round = 0; round < 30; round += 1) {
      const client = await lb.connect();
      await client.expect('welcome and goodbye');
      await client.expectFin();
      client.close();
    }
  },
);

inOneMode('backends that refuse cost no more than the attempts', async (lab) => {
  const refusing = await refusingPort();
  lab.atEnd(refusing.close);
  // Probes would take it out of rotation meanwhile, and then nothing is attempted.
  const lb = await lab.start({
    backends: [at(refusing.port)],
    retries: 0,
    health_checks: { enabled: false },
  });
  const rounds = 300;
  const before = cpuSeconds(lb.pid);
  for (let i = 0; i < rounds; i += 1) {
    const client = await lb.connect();
    client.fin();
    await client.ends();
    client.close();
  }
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', rounds, { reason: 'connect_failed' });
  const each = (cpuSeconds(lb.pid) - before) / rounds;
  // A loop that spins on a dead socket burns all of the time between two attempts.
  assert.ok(each < 0.01, `${each} s of CPU for each refusal`);
  const share = await lb.cpuShare(500);
  assert.ok(share < 0.3, `${Math.round(share * 100)} % of a core after the last`);
});

inBothModes('a session survives a frozen process, and goes on', async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice });
  lb.signal('SIGSTOP');
  await client.send('while asleep');
  await peer.send('both ways');
  const late = lb.connect();
  await late;
  lb.signal('SIGCONT');
  await peer.expect('while asleep');
  await client.expect('both ways');
  client.fin();
  await peer.expectFin();
});

inBothModes('clients that connect and reset while nobody accepts leave no trace', async (lab, splice) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], splice });
  lb.signal('SIGSTOP');
  const clients = await Promise.all(Array.from({ length: 100 }, () => lb.connect()));
  for (const client of clients) client.rst();
  lb.signal('SIGCONT');
  const client = await lb.connect();
  await client.send('there');
  await client.expect('there');
  client.close();
  await until(
    () => backend.open() === 0,
    () => `backend connections: ${backend.open()}`,
  );
});

/** Node has no way to send urgent data. */
const URGENT = `
import socket, sys, time
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.send(b'before'); time.sleep(0.1)
s.send(b'!', socket.MSG_OOB); time.sleep(0.1)
s.send(b'after'); s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())
`;

inBothModes('urgent data is no end: what follows it arrives, in both directions', async (lab, splice) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], splice });
  const client = promisify(execFile)('python3', ['-c', URGENT, String(lb.port)]);
  const peer = await backend.accept();
  await peer.expectFin();
  assert.match(peer.rest().toString(), /^before!?after$/);
  peer.socket.end('answer');
  assert.equal((await client).stdout.trim(), 'answer');
});
