import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { BalancerError, describeError, oneLine, place } from '#src/errors.js';

/** As the data plane and Node make them. */
function systemError(fields: object): Error {
  return Object.assign(new Error('some text with\n    at a stack'), fields);
}

test('what was tried and why it did not work, for people', () => {
  const table: readonly (readonly [object, string])[] = [
    [
      { code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port: 80 },
      'cannot listen on 127.0.0.1:80: address already in use',
    ],
    [
      { code: 'EADDRINUSE', syscall: 'listen', address: '::1', port: 8080 },
      'cannot listen on [::1]:8080: address already in use',
    ],
    [
      { code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.1', port: 80 },
      'cannot listen on 192.0.2.1:80: the address is not available on this machine',
    ],
    [
      { code: 'EACCES', syscall: 'bind', address: '0.0.0.0', port: 443 },
      'cannot listen on 0.0.0.0:443: permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)',
    ],
    [
      { code: 'EACCES', syscall: 'listen', address: '/run/x.sock', port: -1 },
      'cannot listen on /run/x.sock: permission denied',
    ],
    [
      { code: 'ENOENT', syscall: 'open', path: '/no/where' },
      'cannot open /no/where: no such file or directory',
    ],
    [
      { code: 'EAGAIN', syscall: 'pthread_create' },
      'cannot start a worker thread: resource temporarily unavailable',
    ],
    [
      { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 1 },
      'cannot connect to 127.0.0.1:1: connection refused',
    ],
    [{ code: 'ESOMETHING', syscall: 'frob' }, 'cannot frob: ESOMETHING'],
  ];
  for (const [fields, message] of table) assert.equal(describeError(systemError(fields)), message);
});

test('errors that the system really makes', async () => {
  const holder = createServer();
  holder.listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  const second = createServer();
  second.listen(port, '127.0.0.1');
  const [inUse] = (await once(second, 'error')) as [Error];
  assert.equal(describeError(inUse), `cannot listen on 127.0.0.1:${port}: address already in use`);
  holder.close();
  await once(holder, 'close');
  const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [Error];
  assert.equal(describeError(refused), `cannot connect to 127.0.0.1:${port}: connection refused`);
  const missing = await readFile('/no/such').catch((error: unknown) => error);
  assert.equal(describeError(missing), 'cannot open /no/such: no such file or directory');
});

test('other errors speak for themselves, other values somehow', () => {
  assert.equal(describeError(new RangeError('too far')), 'too far');
  assert.equal(describeError(new RangeError('')), 'RangeError');
  assert.equal(describeError(new BalancerError('ERR_STATE', 'not now')), 'not now');
  assert.equal(describeError('text'), 'text');
  assert.equal(describeError({ message: 'like an error' }), 'like an error');
  for (const value of [undefined, null, 7, '', {}, { message: 7 }])
    assert.equal(describeError(value), 'unknown error');
});

test('a description is one bounded line without anything that a terminal obeys, and never a stack', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
      const described = describeError(new Error(text));
      assert.doesNotMatch(described, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      assert.ok(described.length > 0 && described.length <= 500);
    }),
  );
  assert.equal(oneLine('a\nb\r\t\u001b[31m\u009b\u2028'), 'a\\nb\\r\\t\\x1b[31m\\x9b\\u2028');
});

test('a place is host and port, with brackets for IPv6', () => {
  assert.equal(place('127.0.0.1', 80), '127.0.0.1:80');
  assert.equal(place('::1', 80), '[::1]:80');
  assert.equal(place('/run/x', undefined), '/run/x');
});
