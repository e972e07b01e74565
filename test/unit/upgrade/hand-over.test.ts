// The talk between two processes over a real pair of sockets: what arrives, in which order, and what becomes of the
// descriptors when one of them is late, gone, of another version or out of its mind.

import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test, type TestContext } from 'node:test';

import type { ProcessCalls } from '#src/engine/binding.js';
import { loadBinding } from '#src/engine/load.js';
import { give, refuse, sayLeaving, type Given } from '#src/upgrade/give.js';
import { readGiverMessage, readTakerMessage, writeMessage, type RunState } from '#src/upgrade/messages.js';
import { sayFailed, sayReady, take, type TakeParts } from '#src/upgrade/take.js';
import { now, pause } from '#src/upgrade/upgrades.js';
import { createWire, MOST_MESSAGE_BYTES, type Wire } from '#src/upgrade/wire.js';

function addon(): ProcessCalls {
  const loaded = loadBinding();
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.message);
  return loaded.binding.process;
}

const calls = addon();
const GENEROUS_MS = 20_000;
const STATE: RunState = {
  overrides: [{ field: 'hold', pool: 'p', backend: 'b:1', value: 'drain' }],
  down: [{ pool: 'p', backend: 'b:2' }],
};

interface Talk {
  readonly giver: Wire;
  readonly taker: Wire;
  give(listeners?: number, ms?: number): Promise<Given>;
  readonly taking: TakeParts;
}

function inode(fd: number): number {
  return fstatSync(fd).ino;
}

function talk(t: TestContext): Talk {
  const [one, two] = calls.pair();
  const giver = createWire({ calls, socket: one, now, pause });
  const taker = createWire({ calls, socket: two, now, pause });
  t.after(() => {
    giver.close();
    taker.close();
  });
  const place = { host: '127.0.0.1', port: 80 };
  return {
    giver,
    taker,
    give: (listeners = 2, ms = GENEROUS_MS) =>
      give({
        wire: giver,
        calls,
        now,
        pause,
        listeners: () =>
          Array.from({ length: listeners }, () => ({ ...place, fd: openSync('/dev/null', 'r') })),
        pages: () => [{ ...place, port: 9090, fd: openSync('/dev/zero', 'r') }],
        state: () => STATE,
        product: '1.0.0',
        deadline: now() + ms,
      }),
    taking: { wire: taker, calls, product: '2.0.0', now, deadline: now() + GENEROUS_MS },
  };
}

test('sockets by the hundred in their order, the state, and both ends of the story', async (t) => {
  const { giver, taking, give: giving } = talk(t);
  const given = giving(700);
  const taken = await take(taking);
  assert.ok(taken.ok);
  const { sockets, state, product, pid } = taken.heritage;
  assert.deepEqual([product, pid, state], ['1.0.0', process.pid, STATE]);
  assert.equal(sockets.length, 701);
  const [nothing, zero] = [openSync('/dev/null', 'r'), openSync('/dev/zero', 'r')];
  for (const { use, fd } of sockets) assert.equal(inode(fd), inode(use === 'listener' ? nothing : zero));
  assert.equal(sockets.at(-1)?.use, 'page');
  for (const fd of [nothing, zero, ...sockets.map((socket) => socket.fd)]) closeSync(fd);
  const verdict = sayReady(taking, [{ host: '::', port: 80 }]);
  assert.deepEqual(await given, { ok: true, pid: process.pid, serves: [{ host: '::', port: 80 }] });
  await sayLeaving({ wire: giver, now });
  assert.deepEqual(await verdict, { is: 'leaving' });
});

test('a new process that fails says why', async (t) => {
  const { taking, give: giving } = talk(t);
  const given = giving();
  const taken = await take(taking);
  assert.ok(taken.ok);
  for (const { fd } of taken.heritage.sockets) closeSync(fd);
  await sayFailed(taking, 'no such pool');
  assert.deepEqual(await given, { ok: false, message: 'no such pool' });
});

test('a new process that goes without a word, before and after it has said hello', async (t) => {
  const first = talk(t);
  first.taker.close();
  assert.deepEqual(await first.give(), { ok: false, message: 'the new process has gone', gone: true });
  const second = talk(t);
  const given = second.give();
  const taken = await take(second.taking);
  assert.ok(taken.ok);
  for (const { fd } of taken.heritage.sockets) closeSync(fd);
  second.taker.close();
  assert.deepEqual(await given, { ok: false, message: 'the new process has gone', gone: true });
});

test('a new process that is late is told that it must not go on', async (t) => {
  const { taking, give: giving } = talk(t);
  const given = giving(2, 300);
  const taken = await take(taking);
  assert.ok(taken.ok);
  for (const { fd } of taken.heritage.sockets) closeSync(fd);
  assert.deepEqual(await given, { ok: false, message: 'it is not ready in time' });
  const verdict = await sayReady(taking, []);
  assert.equal(verdict.is, 'abandoned');
});

test('an old process that has died leaves the new one alone in the world', async (t) => {
  const { giver, taking, give: giving } = talk(t);
  const given = giving();
  const taken = await take(taking);
  assert.ok(taken.ok);
  for (const { fd } of taken.heritage.sockets) closeSync(fd);
  giver.close();
  assert.equal((await given).ok, false);
  assert.deepEqual(await sayReady(taking, []), { is: 'gone' });
});

test('an old process that refuses, and one that is not there', async (t) => {
  const { giver, taking } = talk(t);
  await refuse({ wire: giver, now }, 'another upgrade is under way');
  assert.deepEqual(await take(taking), { ok: false, message: 'another upgrade is under way' });
  giver.close();
  assert.equal((await take(taking)).ok, false);
});

test('nonsense and other versions are refused by both, with a reason', () => {
  const said = (text: string): string[] =>
    [readTakerMessage, readGiverMessage].map((read) => {
      const answer = read(Buffer.from(text));
      return answer.ok ? 'fine' : answer.problem;
    });
  for (const problem of said('{"version":2,"type":"hello"}'))
    assert.match(problem, /version 2 of the hand-over/);
  for (const problem of said('{"type":"hello"}')) assert.match(problem, /no version/);
  for (const problem of said('not json')) assert.match(problem, /no JSON/);
  for (const problem of said('{"version":1,"type":"dance"}')) assert.match(problem, /makes no sense/);
  for (const problem of said('{"version":1,"type":"ready","pid":"1"}'))
    assert.match(problem, /makes no sense/);
  const more = Buffer.from('{"version":1,"type":"hello","pid":5,"product":"9","more":true}');
  assert.deepEqual(readTakerMessage(more), { ok: true, message: { type: 'hello', pid: 5, product: '9' } });
});

test('fewer descriptors than a message speaks of, and a message without end', async (t) => {
  const fewer = talk(t);
  const sockets = [{ host: '::', port: 1, use: 'listener' as const }];
  await fewer.giver.send(writeMessage({ type: 'sockets', sockets }), [], now() + GENEROUS_MS);
  const taken = await take(fewer.taking);
  assert.ok(!taken.ok);
  assert.match(taken.message, /fewer sockets than it says/);
  const [here, there] = calls.pair();
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MOST_MESSAGE_BYTES + 1);
  calls.send(there, head, []);
  const wire = createWire({ calls, socket: here, now, pause });
  const received = await wire.receive(now() + GENEROUS_MS, () => 0);
  assert.ok(!received.ok);
  assert.match(received.problem, /too long/);
  wire.close();
  calls.close(there);
});

test('a message larger than the socket holds arrives whole', async (t) => {
  const { giver, taker } = talk(t);
  const bytes = Buffer.alloc(5 << 20, 'x');
  const [sent, received] = await Promise.all([
    giver.send(bytes, [], now() + GENEROUS_MS),
    taker.receive(now() + GENEROUS_MS, () => 0),
  ]);
  assert.ok(sent.ok);
  assert.ok(received.ok && received.bytes.equals(bytes));
});
