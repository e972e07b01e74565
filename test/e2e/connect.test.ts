// Reaching a backend: refusals, silence, the next one, and what must never happen twice.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { at, ROOT } from '../helpers/balancer.ts';
import { blackHole, refusingPort } from '../helpers/black-hole.ts';
import { within } from '../helpers/deadline.ts';
import { payload } from '../helpers/payload.ts';
import { echo } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

inBothModes('the first backend refuses: the second gets every byte, once', async (lab, splice) => {
  const refusing = await refusingPort();
  lab.atEnd(refusing.close);
  const live = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(refusing.port), at(live)], splice, retries: 1, workers: 1 });
  const rounds = 20;
  for (let seed = 0; seed < rounds; seed += 1) {
    const client = await lb.connect();
    const bytes = payload(seed).at(0, 3000);
    client.socket.write(bytes);
    client.fin();
    await client.expectFin();
    assert.deepEqual(client.rest(), bytes);
  }
  assert.equal(live.accepted(), rounds);
  const failures = await lb.metric('ultrabalancer_l4_connect_failures_total', { reason: 'refused' });
  assert.ok(failures > 0, 'the first was never tried');
  await lb.untilMetric('ultrabalancer_l4_retries_total', failures);
});

inBothModes(
  'a backend that took a byte and reset: the client gets the reset, no other hears of it',
  async (lab, splice) => {
    const [first, second] = [await lab.backend(), await lab.backend()];
    const lb = await lab.start({ backends: [at(first), at(second, { backup: true })], splice, retries: 3 });
    for (let round = 0; round < 10; round += 1) {
      const client = await lb.connect();
      await client.send('precious');
      const peer = await first.accept();
      await peer.take(1);
      peer.rst();
      await client.expectRst();
    }
    assert.equal(second.accepted(), 0);
  },
);

inOneMode('a backend that does not answer is left after its time, and counted', async (lab) => {
  const hole = await blackHole();
  lab.atEnd(hole.close);
  const lb = await lab.start({ backends: [at(hole.port)], retries: 0, timeouts: { connect: 0.4 } });
  const since = performance.now();
  const clients = await Promise.all(Array.from({ length: 20 }, () => lb.connect()));
  for (const client of clients) assert.match(await client.ends(), /^(fin|rst)$/);
  assert.ok(performance.now() - since > 380, 'sooner than its time');
  await lb.untilMetric('ultrabalancer_l4_connect_failures_total', 20, { reason: 'timeout' });
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 20, { reason: 'connect_timeout' });
});

inBothModes(
  'after a backend that does not answer the next one is tried, with every byte',
  async (lab, splice) => {
    const hole = await blackHole();
    lab.atEnd(hole.close);
    const live = (await lab.backend()).serve(echo);
    const lb = await lab.start({
      backends: [at(hole.port), at(live)],
      splice,
      retries: 1,
      workers: 1,
      timeouts: { connect: 0.3 },
    });
    for (let seed = 0; seed < 4; seed += 1) {
      const client = await lb.connect();
      const bytes = payload(seed).at(0, 1000);
      await client.send(bytes);
      await client.expect(bytes);
      client.close();
    }
    const late = await lb.metric('ultrabalancer_l4_connect_failures_total', { reason: 'timeout' });
    assert.ok(late >= 1, 'the silent one was never tried');
  },
);

inBothModes(
  'a silence limit shorter than the connect limit does not cut a slow connect',
  async (lab, splice) => {
    const hole = await blackHole();
    lab.atEnd(hole.close);
    const lb = await lab.start({
      backends: [at(hole.port)],
      splice,
      timeouts: { connect: 10, keepalive: 0.3, read: 0.3, write: 0.3 },
    });
    const client = await lb.connect();
    await client.send('patient');
    await lb.untilMetric('active_connections', 1);
    client.fin();
    hole.open();
    // The kernel's next attempt comes after one second: three times the silence limit.
    assert.deepEqual(await hole.next(), { text: 'patient', end: 'fin' });
  },
);

function mayUnshare(): boolean {
  try {
    execFileSync('unshare', ['--net', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test(
  'no local port left: the excess fails at once, nothing spins, a port that comes free serves',
  { timeout: 60_000, skip: mayUnshare() ? false : 'needs a network namespace, which this user may not make' },
  async () => {
    const script = join(ROOT, '.build', 'test', 'fixtures', 'few-local-ports.js');
    const run = promisify(execFile)('unshare', [
      '--net',
      'sh',
      '-c',
      `ip link set lo up && exec ${process.execPath} ${script}`,
    ]);
    const { stdout } = await within(run, 'a balancer with ten local ports', 50_000);
    assert.match(stdout, /^done$/m);
  },
);
