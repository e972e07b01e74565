// The two letters of every close reason, and that the document says the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { type Ending, terminationCode } from '#src/access-log/codes.js';
import { CLOSE_REASONS, CONNECT_FAILURES, type CloseReason } from '#src/engine/engine.js';
import { ended } from './ended.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');

/** Every way in which a session can end for that reason. */
function* endings(reason: CloseReason): Generator<Ending> {
  const sides = [undefined, 'fin', 'rst'] as const;
  for (const waitedMs of [undefined, 1])
    for (const backendEnded of [false, true])
      for (const clientStuck of [false, true])
        for (const failure of [undefined, ...CONNECT_FAILURES])
          for (const clientEndedFirst of sides)
            for (const backendEndedFirst of sides)
              yield {
                reason,
                waitedMs,
                backendEnded,
                clientStuck,
                failure,
                clientEndedFirst,
                backendEndedFirst,
              };
}

const code = (reason: CloseReason, some: Parameters<typeof ended>[0] = {}): string =>
  terminationCode(ended({ reason, backendEnded: false, clientEndedFirst: undefined, waitedMs: 1, ...some }));

test('each close reason has its letters while data flows', () => {
  const letters = Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, code(reason)]));
  assert.deepEqual(letters, {
    finished: '--',
    client_reset: 'CD',
    backend_reset: 'SD',
    client_lost: 'CD',
    backend_lost: 'SD',
    connect_failed: 'SD',
    connect_timeout: 'sD',
    no_backend: 'SD',
    backends_full: 'SQ',
    read_timeout: 'sD',
    write_timeout: 'sD',
    idle_timeout: 'cD',
    half_close_timeout: 'sD',
    first_byte_timeout: 'cD',
    session_timeout: 'PD',
    turn_limit: 'PD',
    drained: 'KD',
    killed: 'KD',
    shutdown: 'KD',
    no_memory: 'RD',
    rebalanced: 'KD',
  } satisfies Record<CloseReason, string>);
});

test('the phase is C before a backend is connected, and L once it has ended and the client has not', () => {
  assert.equal(code('connect_failed', { waitedMs: undefined, failure: 'refused' }), 'SC');
  assert.equal(code('connect_timeout', { waitedMs: undefined }), 'sC');
  assert.equal(code('no_backend', { waitedMs: undefined }), 'SC');
  assert.equal(code('client_reset', { waitedMs: undefined }), 'CC');
  assert.equal(code('killed', { waitedMs: undefined }), 'KC');
  assert.equal(code('client_reset', { backendEnded: true }), 'CL');
  assert.equal(code('write_timeout', { backendEnded: true, clientStuck: true }), 'cL');
  assert.equal(code('backend_lost', { backendEnded: true }), 'SD');
});

test('a lack of our own is no fault of a backend', () => {
  for (const failure of ['no_local_port', 'no_descriptor'] as const)
    assert.equal(code('connect_failed', { waitedMs: undefined, failure }), 'RC');
});

test('a timeout is that of the side that was waited for', () => {
  assert.equal(code('write_timeout', { clientStuck: true }), 'cD');
  assert.equal(code('half_close_timeout', { clientEndedFirst: 'fin' }), 'sD');
  assert.equal(code('half_close_timeout', { backendEndedFirst: 'fin', backendEnded: true }), 'cL');
  assert.equal(code('half_close_timeout', { clientEndedFirst: 'rst' }), 'cD');
  assert.equal(code('half_close_timeout', { backendEndedFirst: 'rst' }), 'sD');
});

/** The codes of each reason as docs/access-log.md lists them. */
function documented(): ReadonlyMap<string, ReadonlySet<string>> {
  const page = readFileSync(join(ROOT, 'docs', 'access-log.md'), 'utf8');
  const rows = page.matchAll(/^\| `(\w+)`\s+\| ([^|]+)\|/gm);
  return new Map(
    [...rows]
      .filter(([, name = '']) => (CLOSE_REASONS as readonly string[]).includes(name))
      .map(([, name = '', codes = '']) => [
        name,
        new Set([...codes.matchAll(/`([^`]{2})`/g)].map(([, c = '']) => c)),
      ]),
  );
}

/** What never connected cannot have a backend that ended; what is about connecting is over before there is one. */
function possible({ reason, waitedMs, backendEnded, backendEndedFirst, clientEndedFirst }: Ending): boolean {
  const connected = waitedMs !== undefined;
  const onlyBefore = ['connect_failed', 'connect_timeout', 'no_backend', 'backends_full'].includes(reason);
  const onlyAfter =
    /^backend_|_lost$|^(read|write|idle|half_close|first_byte)_timeout$|^turn_limit$|^rebalanced$/;
  if (onlyBefore && connected) return false;
  if (onlyAfter.test(reason) && !reason.startsWith('backends_') && !connected) return false;
  if (!connected && (backendEnded || backendEndedFirst !== undefined)) return false;
  if (backendEndedFirst === 'fin' && !backendEnded) return false;
  if (reason === 'half_close_timeout' && clientEndedFirst === undefined && backendEndedFirst === undefined)
    return false;
  // Silence of that kind is looked for only while neither side has ended.
  const bothOpen = ['read_timeout', 'idle_timeout'].includes(reason);
  return !(bothOpen && (backendEnded || clientEndedFirst !== undefined || backendEndedFirst !== undefined));
}

test('docs/access-log.md lists for each reason the codes that it can have, and no others', () => {
  const page = documented();
  for (const reason of CLOSE_REASONS) {
    const codes = new Set([...endings(reason)].filter(possible).map(terminationCode));
    assert.deepEqual([...(page.get(reason) ?? [])].sort(), [...codes].sort(), reason);
  }
});
