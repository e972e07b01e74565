// Which descriptors a service manager has handed over, by what the environment says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { activatedSockets } from '#src/service/activation.js';

const listensOn = (fd: number): { host: string; port: number } | undefined =>
  fd === 4 ? undefined : { host: '127.0.0.1', port: 8000 + fd };

test('as many as are told, from 3 on, each with its name; the environment forgets them', () => {
  const env = { LISTEN_PID: '7', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web:odd', OTHER: 'x' };
  assert.deepEqual(activatedSockets(env, 7, listensOn), [
    { fd: 3, name: 'web', place: { host: '127.0.0.1', port: 8003 } },
    { fd: 4, name: 'odd', place: undefined },
    { fd: 5, name: 'unknown', place: { host: '127.0.0.1', port: 8005 } },
  ]);
  assert.deepEqual(env, { OTHER: 'x' });
});

test('none that are meant for another process, or that make no sense', () => {
  for (const env of [
    {},
    { LISTEN_PID: '8', LISTEN_FDS: '1' },
    { LISTEN_FDS: '1' },
    { LISTEN_PID: '7', LISTEN_FDS: '0' },
    { LISTEN_PID: '7', LISTEN_FDS: '-1' },
    { LISTEN_PID: '7', LISTEN_FDS: '1.5' },
    { LISTEN_PID: '7', LISTEN_FDS: 'many' },
    { LISTEN_PID: '7', LISTEN_FDS: '1000000' },
  ])
    assert.deepEqual(activatedSockets({ ...env }, 7, listensOn), [], JSON.stringify(env));
});
