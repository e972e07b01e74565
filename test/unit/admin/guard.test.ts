import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Asked, isOwnHost, pageGuard, readToken, socketGuard, tokenGuard } from '#src/admin/guard.js';
import { adminPlaces } from '#src/admin/settings.js';
import { folder } from './fake-operations.ts';

const TOKEN = 'a-token-of-some-length';

function asked(some: Partial<Asked> = {}): Asked {
  return { host: '127.0.0.1:9091', origin: undefined, authorization: `Bearer ${TOKEN}`, ...some };
}

function status(some: Partial<Asked>): number {
  const verdict = tokenGuard(TOKEN)(asked(some));
  return verdict.ok ? 200 : verdict.status;
}

test('the token, the whole token, and nothing but the token', () => {
  assert.equal(status({}), 200);
  assert.equal(status({ authorization: `bearer ${TOKEN}` }), 200);
  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer  ${TOKEN}`,
    `Bearer ${'x'.repeat(100_000)}`,
  ]) {
    assert.equal(status({ authorization: wrong }), 401, wrong?.slice(0, 40));
  }
});

test('what a browser could be made to send is refused, with the token too', () => {
  for (const origin of [
    'null',
    'http://127.0.0.1',
    'http://127.0.0.1:9092',
    'http://localhost:9091',
    'https://127.0.0.1:9091',
    'http://evil.test',
  ])
    assert.equal(status({ origin }), 403, origin);
  assert.equal(status({ host: 'evil.test', origin: 'http://evil.test' }), 403);
  assert.equal(status({ host: 'evil.test' }), 403);
  assert.equal(status({ host: undefined }), 403);
  assert.equal(socketGuard(asked({ origin: 'http://evil.test' })).ok, false);
  assert.equal(socketGuard(asked({ host: 'anything', authorization: undefined })).ok, true);
});

test('the page that was served here may ask, with the token', () => {
  const own = { host: 'LocalHost:9091', origin: 'http://localhost:9091' };
  assert.equal(status(own), 200);
  assert.equal(status({ ...own, authorization: undefined }), 401);
  assert.equal(
    pageGuard(asked({ ...own, authorization: undefined })).ok,
    true,
    'files of the page need none',
  );
  assert.equal(pageGuard(asked({ host: 'evil.test' })).ok, false);
});

test('a refusal tells nothing of the token', () => {
  const verdict = tokenGuard(TOKEN)(asked({ authorization: 'Bearer guess' }));
  assert.ok(!verdict.ok && !verdict.message.includes(TOKEN) && !verdict.message.includes('guess'));
});

test('addresses and localhost are hosts of our own, names are not', () => {
  for (const own of [
    '127.0.0.1',
    '127.0.0.1:80',
    '[::1]',
    '[::1]:80',
    'localhost',
    'LocalHost:9',
    '192.0.2.7:1',
  ]) {
    assert.equal(isOwnHost(own), true, own);
  }
  for (const other of [
    '',
    'evil.test',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    '[::1',
    '::1',
    '127.0.0.1:80:80',
    '127.0.0.1@evil',
    '127.0.0.1 evil',
  ]) {
    assert.equal(isOwnHost(other), false, other);
  }
});

test('a token comes from the first line of a file, and has to be worth something', (t) => {
  const file = join(folder(t), 'token');
  const read = (text: string): ReturnType<typeof readToken> => {
    writeFileSync(file, text);
    return readToken(file);
  };
  assert.deepEqual(read(`${TOKEN}\n`), { ok: true, token: TOKEN });
  assert.deepEqual(read(`  ${TOKEN}\r\nmore\n`), { ok: true, token: TOKEN });
  for (const bad of [
    '',
    '\n',
    'too-short',
    'with a space in the middle',
    `ünïcode-${TOKEN}`,
    'x'.repeat(1000),
  ]) {
    const result = read(bad);
    assert.ok(!result.ok && result.message.startsWith(`${file}: a token `), bad);
    assert.ok(bad.trim() === '' || !result.message.includes(bad));
  }
  const missing = readToken(`${file}-not`);
  assert.deepEqual(missing, { ok: false, message: `cannot open ${file}-not: no such file or directory` });
});

test('nothing listens unless a place is named, and over TCP not without a token', (t) => {
  const off = { socket: '', host: '127.0.0.1', port: 0, token_file: '', dashboard: true };
  assert.deepEqual(adminPlaces(off), { ok: true, places: [] });
  const socket = { kind: 'socket', path: '/run/x.sock' };
  assert.deepEqual(adminPlaces({ ...off, socket: '/run/x.sock' }), { ok: true, places: [socket] });
  assert.equal(adminPlaces({ ...off, port: 9091 }).ok, false);
  assert.equal(adminPlaces({ ...off, port: 9091, token_file: '/no/such' }).ok, false);
  const file = join(folder(t), 'token');
  writeFileSync(file, TOKEN);
  const both = adminPlaces({ ...off, socket: '/run/x.sock', host: '::1', port: 9091, token_file: file });
  assert.deepEqual(both, {
    ok: true,
    places: [socket, { kind: 'tcp', host: '::1', port: 9091, token: TOKEN, dashboard: true }],
  });
});
