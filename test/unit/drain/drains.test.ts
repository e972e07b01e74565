// Drains against a data plane that only remembers: when orders are given and taken back, and what is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfigText } from '#src/config/load.js';
import type { Config } from '#src/config/config.js';
import { createDrains, type DrainTarget } from '#src/drain/drains.js';
import { createProgress } from '#src/drain/progress.js';
import { PATIENT, sayWish } from '#src/drain/wish.js';
import type { ShedOrder } from '#src/engine/engine.js';
import { backendCounters, listenerCounters } from '../metrics/fake-source.ts';

const BACKEND: DrainTarget = { kind: 'backend', pool: 'app', backend: '127.0.0.1:9001' };
const WISH = { timeout: 60_000, rate: 5, order: 'idle', idle: 1000 } as const;

function configOf(backends: readonly number[], drain = '{}'): Config {
  const list = backends.map((port) => `{ host: 127.0.0.1, port: ${port} }`).join(', ');
  const loaded = loadConfigText(
    'drains.yaml',
    `listeners: { web: { listen: 127.0.0.1:80, pool: app } }\npools: { app: { backends: [${list}] } }\ndrain: ${drain}\n`,
  );
  assert.ok(loaded.ok);
  return loaded.config;
}

function unexpected(message: string): void {
  throw new Error(message);
}

function world() {
  const orders: ShedOrder[] = [];
  const told: string[] = [];
  const timers = new Set<() => void>();
  const made = { config: configOf([9001, 9002]), held: new Set<string>(), sessions: 4n, now: 0 };
  const drains = createDrains({
    core: {
      config: () => made.config,
      engine: () =>
        ({
          read: () => ({
            listeners: [listenerCounters(1, { active: made.sessions })],
            backends: [backendCounters(2, { active: made.sessions })],
          }),
          shed: (order: ShedOrder) => void orders.push(order),
        }) as never,
      slots: {
        listeners: () => [{ slot: 1, name: 'web' }],
        backends: () => [{ slot: 2, pool: 'app', backend: '127.0.0.1:9001' }],
      } as never,
    },
    isHeld: (target) => made.held.has(JSON.stringify(target)),
    log: {
      info: (_message, fields) => void told.push((fields as { event: string }).event),
      warn: unexpected,
      error: unexpected,
    },
    time: {
      now: () => made.now,
      after(_ms, run) {
        timers.add(run);
        return () => timers.delete(run);
      },
      turn: (run) => void timers.add(run),
    },
  });
  const second = (): void => {
    made.now += 1000;
    const due = [...timers];
    timers.clear();
    for (const run of due) run();
  };
  return { made, drains, orders, told, timers, second };
}

test('an order is given when nobody is sent there any more, once', () => {
  const { made, drains, orders } = world();
  made.held.add(JSON.stringify(BACKEND));
  drains.begin(BACKEND, WISH);
  assert.equal(orders.length, 0);
  drains.onApplied();
  drains.onApplied();
  assert.deepEqual(
    orders.map(({ scope, slot, rate, deadlineMs, reason }) => [scope, slot, rate, deadlineMs, reason]),
    [['backend', 2, 5, 60_000, 'drained']],
  );
  assert.equal(drains.of(BACKEND)?.deadline, 60_000);
});

test('what is ready again takes its order back', () => {
  const { made, drains, orders, told } = world();
  made.held.add(JSON.stringify(BACKEND));
  drains.begin(BACKEND, WISH);
  drains.onApplied();
  made.held.clear();
  drains.onApplied();
  const last = orders.at(-1);
  assert.deepEqual([orders.length, last?.rate, last?.even, last?.deadlineMs], [2, 0, false, 0]);
  assert.equal(drains.of(BACKEND), undefined);
  assert.deepEqual(told, ['drain-started', 'drain-taken-back']);
});

test('it tells of its beginning, its progress and its end, and looks no more then', () => {
  const { made, drains, told, timers, second } = world();
  made.held.add(JSON.stringify(BACKEND));
  drains.begin(BACKEND, PATIENT);
  drains.onApplied();
  second();
  made.sessions = 2n;
  second();
  made.sessions = 0n;
  second();
  assert.deepEqual(told, ['drain-started', 'drain-progress', 'drain-ended']);
  assert.equal(drains.of(BACKEND)?.done, true);
  assert.equal(timers.size, 0);
});

test('what a reload removes is drained where the config says so, and forgotten when nobody is left', () => {
  const { made, drains, orders, second } = world();
  const before = made.config;
  const patient = configOf([9002]);
  made.config = patient;
  drains.onConfig(before, patient);
  assert.deepEqual(orders, []);
  const strict = configOf([9002], '{ removed: drain, timeout: 7s, rate: even, order: oldest }');
  made.config = strict;
  drains.onConfig(before, strict);
  assert.deepEqual(
    orders.map(({ slot, even, deadlineMs, first }) => [slot, even, deadlineMs, first]),
    [[2, true, 7000, 'oldest']],
  );
  made.sessions = 0n;
  second();
  assert.equal(drains.of(BACKEND), undefined);
});

test('the words say who is ended when', () => {
  const now = Date.UTC(2030, 0, 1, 12, 0, 0);
  assert.equal(sayWish(PATIENT, now), 'they may finish');
  assert.match(
    sayWish({ ...PATIENT, timeout: 30_000 }, now),
    /until 12:00:30Z \(in 30s\), then they are ended/,
  );
  assert.match(
    sayWish({ ...WISH, order: 'oldest' }, now),
    /5 a second at most, the oldest first, and the rest at 12:01:00Z/,
  );
  assert.match(sayWish({ ...WISH, rate: 'even' }, now), /one after the other until 12:01:00Z/);
});

test('progress is told by halves and by half minutes, however many go', () => {
  const progress = createProgress(1000, 0);
  const told: number[] = [];
  for (let now = 0; now < 100_000; now += 1000) {
    const left = Math.max(0, 1000 - now / 100);
    if (progress.look(left, now)) told.push(left);
  }
  assert.equal(told[0], 700); // half a minute comes before the half
  assert.ok(told.length > 3 && told.length < 12, String(told));
});
