// What a service manager is told, word for word, and when nothing is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createNotifier, type Notifier } from '#src/service/notify.js';

interface World {
  readonly notifier: Notifier;
  readonly told: string[];
  readonly warned: string[];
  /** Clocks that run, by their milliseconds. */
  readonly clocks: Map<number, () => void>;
}

function world(env: NodeJS.ProcessEnv, tell?: () => void): World {
  const told: string[] = [];
  const warned: string[] = [];
  const clocks = new Map<number, () => void>();
  const notifier = createNotifier({
    tell: (path, text) => (tell === undefined ? told.push(`${path} ${text}`) : tell()),
    env,
    pid: 77,
    monotonic: () => 1_234_567_890n,
    every(ms, run) {
      clocks.set(ms, run);
      return () => clocks.delete(ms);
    },
    warn: (message) => warned.push(message),
  });
  return { notifier, told, warned, clocks };
}

test('without a manager nothing is said and no clock runs', () => {
  const { notifier, told, clocks } = world({ WATCHDOG_USEC: '1000000' });
  notifier.ready('x');
  notifier.reloading();
  notifier.stopping('y');
  notifier.mainPid(5);
  assert.deepEqual([told, clocks.size], [[], 0]);
});

test('a life in the words of the protocol', () => {
  const { notifier, told, clocks } = world({ NOTIFY_SOCKET: '@m' });
  notifier.ready('serving\nMAINPID=1');
  notifier.reloading();
  notifier.status('fine');
  notifier.stopping('draining');
  assert.deepEqual(told, [
    '@m READY=1\nSTATUS=serving\\nMAINPID=1',
    '@m RELOADING=1\nMONOTONIC_USEC=1234567',
    '@m STATUS=fine',
    '@m STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=15000000',
  ]);
  clocks.get(5000)?.();
  assert.equal(told.at(-1), '@m EXTEND_TIMEOUT_USEC=15000000');
  notifier.close();
  assert.equal(clocks.size, 0);
});

test('a watchdog is fed twice in its time, by the process that it watches', () => {
  const { told, clocks } = world({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: '3000000', WATCHDOG_PID: '77' });
  clocks.get(1500)?.();
  assert.deepEqual(told, ['/m WATCHDOG=1']);
  assert.equal(world({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: '3000000', WATCHDOG_PID: '78' }).clocks.size, 0);
  for (const bad of ['', 'soon', '-5', '0'])
    assert.equal(world({ NOTIFY_SOCKET: '/m', WATCHDOG_USEC: bad }).clocks.size, 0);
});

test('who is not the main process any more says nothing', () => {
  const { notifier, told } = world({ NOTIFY_SOCKET: '/m' });
  notifier.mainPid(99);
  notifier.stopping('draining');
  assert.deepEqual(told, ['/m MAINPID=99']);
});

test('a manager that does not listen is complained about once', () => {
  const { notifier, warned } = world({ NOTIFY_SOCKET: '/m' }, () => {
    throw new Error('nobody there');
  });
  notifier.ready('x');
  notifier.reloading();
  assert.equal(warned.length, 1);
  assert.match(warned[0] ?? '', /nobody there/);
});
