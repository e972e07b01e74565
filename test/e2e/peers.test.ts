// The peers of these tests, face to face: what they claim to send and see is what the kernel does.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { payload } from '../helpers/payload.ts';
import { connect, listen } from '../helpers/tcp-script.ts';

test('FIN, RST, and bytes before either are told apart', async (t) => {
  const backend = await listen();
  t.after(() => backend.close());
  for (const [finish, seen] of [
    ['fin', 'fin'],
    ['rst', 'rst'],
  ] as const) {
    for (const paused of [false, true]) {
      const client = await connect(backend.port);
      t.after(client.close);
      const peer = await backend.accept(paused);
      await client.send(payload(1).at(0, 5000));
      client[finish]();
      peer.verify(payload(1));
      // A reset may overtake bytes that its own side has not sent; these were taken by the kernel of this machine.
      assert.equal(await peer.ends(), seen);
      assert.equal(peer.received(), 5000);
      client.close();
      peer.close();
    }
  }
});

test('a byte that is lost, repeated, moved or foreign is noticed', () => {
  const mine = payload(1);
  const bytes = mine.at(3, 100);
  mine.check(bytes, 3, 'nobody');
  assert.throws(() => mine.check(bytes.subarray(8), 3, 'somebody'), /somebody: byte \d+ is not the one/);
  assert.throws(() => mine.check(bytes, 11, 'somebody'));
  assert.throws(() => mine.check(payload(2).at(3, 100), 3, 'somebody'));
});

test('a paused peer takes no more than a chunk from the kernel', async (t) => {
  const backend = await listen();
  t.after(() => backend.close());
  const client = await connect(backend.port);
  const peer = await backend.accept(true);
  const limit = 64 << 20;
  const sent = await client.flood(payload(5), limit);
  assert.ok(sent < limit, 'all of it was taken');
  assert.equal(peer.received(), 0);
  client.fin();
  peer.verify(payload(5));
  await peer.expectFin();
  assert.equal(peer.received(), sent);
  client.close();
  peer.close();
});
