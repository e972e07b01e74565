// Records for a program: all of them, in order, and whatever its function does harms nobody else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { SessionRecord } from '#src/access-log/record.js';
import { createSessionFeed, type SessionListener } from '#src/embed/sessions.js';
import type { EndedSession } from '#src/engine/engine.js';
import { ended, NAMES } from '../access-log/ended.ts';
import { BASE, config } from '../config/support.ts';

function feed(listener: SessionListener | undefined, sessions: EndedSession[], complaints: string[] = []) {
  return createSessionFeed({
    listener,
    engine: () => ({ takeEnded: (limit) => sessions.splice(0, limit) }),
    names: () => NAMES,
    complain: (message) => complaints.push(message),
  });
}

test('without a function nothing is recorded or taken', () => {
  const sessions = [ended()];
  const off = feed(undefined, sessions);
  assert.equal(off.wanted(config(BASE)), undefined);
  off.start();
  off.collect();
  off.stop();
  assert.equal(sessions.length, 1);
});

test('the config says of which sessions, whether it names a file or not', () => {
  const on = feed(() => undefined, []);
  assert.equal(on.wanted(config(BASE))?.perMillion, 1_000_000);
  assert.equal(on.wanted(config(`${BASE}log: { access: { sample: 2.5 } }\n`))?.perMillion, 25_000);
});

test('the last ones are handed on at the end, and counted', () => {
  const got: SessionRecord[] = [];
  const on = feed((session) => got.push(session), [ended({ turns: 1 }), ended({ turns: 2 })]);
  on.start();
  on.stop();
  assert.deepEqual(
    got.map(({ turns, listener }) => [turns, listener]),
    [
      [1, 'web'],
      [2, 'web'],
    ],
  );
  assert.deepEqual(on.counts(), { written: 2, dropped: 0 });
});

test('a function that throws gets the rest all the same, and is complained of once', () => {
  let calls = 0;
  const complaints: string[] = [];
  const on = feed(
    () => {
      calls += 1;
      throw new Error(`number ${calls}`);
    },
    [ended(), ended(), ended()],
    complaints,
  );
  on.collect();
  assert.equal(calls, 3);
  assert.deepEqual(complaints, ['onSession throws, 3 times of 3: Error: number 1']);
});
