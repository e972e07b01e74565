// The loop of `top`: with a client, a screen and a time of our own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientAnswer } from '#src/admin/client.js';
import type { Screen } from '#src/top/screen.js';
import { runTop, type TopParts } from '#src/top/top.js';
import { stateView } from '../admin/fake-operations.ts';

interface World {
  readonly out: string[];
  readonly err: string[];
  readonly frames: string[];
  readonly asked: string[];
  left: number;
  key(key: string): void;
  end(): void;
  /** Before each further look; the n-th. */
  onSleep: (n: number) => void;
  answer: (n: number) => ClientAnswer;
  run(some?: Partial<TopParts>): Promise<number>;
}

function world(): World {
  const ended = new AbortController();
  let sleeps = 0;
  let press: (key: string) => void = () => undefined;
  const made: World = {
    out: [],
    err: [],
    frames: [],
    asked: [],
    left: 0,
    key: (key) => press(key),
    end: () => ended.abort(),
    onSleep: () => undefined,
    answer: (n) => ({ ok: true, status: 200, body: stateView({ clock_seconds: n * 2 }) }),
    run: (some = {}) =>
      runTop({
        client: {
          get(path) {
            made.asked.push(path);
            return Promise.resolve(made.answer(made.asked.length));
          },
        },
        intervalMs: 2000,
        json: false,
        once: false,
        colour: false,
        width: 100,
        out: (text) => made.out.push(text),
        err: (text) => made.err.push(text),
        sleep(ms) {
          assert.equal(ms, 2000);
          sleeps += 1;
          made.onSleep(sleeps);
          return Promise.resolve();
        },
        signal: ended.signal,
        ...some,
      }),
  };
  return Object.assign(made, {
    screen(parts: { onKey: (key: string) => void }): Screen {
      press = parts.onKey;
      return {
        size: () => ({ width: 100, height: 30 }),
        draw: (lines) => made.frames.push(lines.join('\n')),
        leave: () => (made.left += 1),
        suspend: () => undefined,
      };
    },
  });
}

type WithScreen = World & { readonly screen: NonNullable<TopParts['openScreen']> };

test('where there is no terminal it is one frame, of two looks', async () => {
  const lab = world();
  assert.equal(await lab.run(), 0);
  assert.equal(lab.asked.length, 2);
  assert.match(lab.out.join(''), /^ultrabalancer-l4 1\.2\.3[^]*new 0\/s[^]*BACKEND/);
});

test('a line of JSON per look, until it is told to stop', async () => {
  const lab = world();
  lab.onSleep = (n) => {
    if (n === 4) lab.end();
  };
  assert.equal(await lab.run({ json: true }), 0);
  assert.equal(lab.out.length, 3);
  const told = JSON.parse(lab.out[0] ?? '') as { seconds: number; total: object; backends: unknown[] };
  assert.deepEqual([told.seconds, told.backends.length], [2, 3]);
  const one = world();
  assert.equal(await one.run({ json: true, once: true }), 0);
  assert.equal(one.out.length, 1);
});

test('nobody there is told, with exit code 1', async () => {
  const lab = world();
  lab.answer = () => ({ ok: false, status: 0, message: 'cannot connect to /x: connection refused' });
  assert.equal(await lab.run(), 1);
  assert.deepEqual(lab.err, ['cannot connect to /x: connection refused\n']);
});

test('on a terminal: keys, a balancer that is gone for a while, and the screen given back', async () => {
  const lab = world() as WithScreen;
  lab.onSleep = (n) => {
    if (n === 1) lab.key('s');
    if (n === 4) lab.key('p');
    if (n === 5) lab.key('p');
    if (n === 6) lab.key('q');
  };
  lab.answer = (n) =>
    n === 3
      ? { ok: false, status: 0, message: 'connection refused' }
      : { ok: true, status: 200, body: stateView({ clock_seconds: n * 2 }) };
  assert.equal(await lab.run({ openScreen: lab.screen }), 0);
  assert.equal(lab.left, 1);
  assert.match(lab.frames[1] ?? '', /sorted by sessions/);
  assert.ok(lab.frames.some((frame) => frame.includes('NO ANSWER: connection refused')));
  assert.ok(lab.frames.some((frame) => frame.includes('PAUSED')));
  assert.equal(lab.asked.length, 5, 'nothing is asked while it is paused');
  assert.deepEqual(lab.out, []);
});

test('the screen is given back when drawing fails as well', async () => {
  const lab = world() as WithScreen;
  const broken: NonNullable<TopParts['openScreen']> = (parts) => ({
    ...lab.screen(parts),
    draw() {
      throw new Error('broken');
    },
  });
  await assert.rejects(lab.run({ openScreen: broken }), /broken/);
  assert.equal(lab.left, 1);
});
