import assert from 'node:assert/strict';
import { test } from 'node:test';

import { droppedLine, jsonLine, TEXT_FIELDS, textLine } from '#src/access-log/format.js';
import { sessionRecord } from '#src/access-log/record.js';
import { recordingOf } from '#src/access-log/settings.js';
import { CLOSE_REASONS } from '#src/engine/engine.js';
import { ended, NAMES } from './ended.ts';

test('a record has names, and a unit for every number', () => {
  assert.deepEqual(sessionRecord(ended(), NAMES), {
    time: '2024-02-03T04:05:06.007Z',
    accepted: '2024-02-03T04:05:04.506Z',
    client: '192.0.2.7:50000',
    listener: 'web',
    local: '[2001:db8::1]:443',
    pool: 'app',
    backend: '10.0.0.1:9001',
    code: '--',
    reason: 'finished',
    closed_by: 'client',
    closed_how: 'fin',
    duration_ms: 1500.5,
    wait_ms: 0.512,
    connect_ms: 0.25,
    client_byte_ms: 1,
    backend_byte_ms: 3.5,
    turns: 2,
    turns_ms: 4,
    longest_turn_ms: 2.5,
    to_backend_bytes: 120,
    to_client_bytes: 4096,
    attempts: 1,
    connect_failure: null,
    warm: false,
    client_rtt_ms: 12.5,
    client_rtt_variance_ms: 3,
    client_retransmits: 2,
    backend_rtt_ms: null,
    backend_rtt_variance_ms: null,
    backend_retransmits: null,
    worker: 1,
  });
});

test('one that never had a backend tells its pool all the same', () => {
  const none = ended({
    reason: 'no_backend',
    backend: undefined,
    attempts: 0,
    waitedMs: undefined,
    handshakeMs: undefined,
    local: '',
    clientEndedFirst: undefined,
    reset: true,
  });
  const record = sessionRecord(none, NAMES);
  assert.deepEqual(
    [record.pool, record.backend, record.local, record.wait_ms, record.code],
    ['app', null, null, null, 'SC'],
  );
});

test('who ended first, and how, is told of either side, of both and of neither', () => {
  const ends = (some: Parameters<typeof ended>[0]): string => {
    const record = sessionRecord(
      ended({ clientEndedFirst: undefined, backendEndedFirst: undefined, ...some }),
      NAMES,
    );
    return `${record.closed_by}/${record.closed_how}`;
  };
  assert.equal(ends({ clientEndedFirst: 'rst' }), 'client/rst');
  assert.equal(ends({ backendEndedFirst: 'fin' }), 'backend/fin');
  assert.equal(ends({ clientEndedFirst: 'fin', backendEndedFirst: 'fin' }), 'both/fin');
  assert.equal(ends({ clientEndedFirst: 'fin', backendEndedFirst: 'rst' }), 'both/rst');
  assert.equal(ends({ reset: false }), 'balancer/fin');
  assert.equal(ends({ reset: true }), 'balancer/rst');
  assert.equal(ends({ clientEndedFirst: 'fin', reset: true }), 'client/fin');
});

test('a JSON line reads back to the record', () => {
  const record = sessionRecord(ended(), NAMES);
  const line = jsonLine(record);
  assert.deepEqual(JSON.parse(line), record);
  assert.doesNotMatch(line, /\n/);
});

test('a text line has the same number of fields whatever the names are, and dashes for what is not there', () => {
  assert.equal(
    textLine(sessionRecord(ended(), NAMES)),
    '2024-02-03T04:05:06.007Z 192.0.2.7:50000 web [2001:db8::1]:443 app/10.0.0.1:9001 -- finished client/fin ' +
      '0.512/0.25/1/3.5/1500.5 120/4096 2/4/2.5 1/- 12.5/3/2 -/-/-',
  );
  const odd = {
    ...NAMES,
    listenerName: () => 'my web/site 100%',
    poolName: () => 'a\u2003b',
    backendName: () => undefined,
  };
  const line = textLine(sessionRecord(ended({ local: '', backend: 9 }), odd));
  const fields = line.split(' ');
  assert.equal(fields.length, TEXT_FIELDS.length);
  assert.equal(fields[2], 'my%20web%2Fsite%20100%25');
  assert.equal(fields[3], '-');
  assert.equal(fields[4], 'a%E2%80%83b/-');
});

test('a gap says so in either format', () => {
  const time = new Date(0);
  assert.deepEqual(JSON.parse(droppedLine('json', 3, time)), {
    time: '1970-01-01T00:00:00.000Z',
    dropped: 3,
  });
  assert.equal(droppedLine('text', 3, time), '# 1970-01-01T00:00:00.000Z 3 dropped');
});

test('the data plane is told the share and the reasons that are wanted', () => {
  const settings = { file: 'x', format: 'json', sample: 100, errors_only: false } as const;
  assert.deepEqual(recordingOf(settings), {
    perMillion: 1_000_000,
    reasons: CLOSE_REASONS.map((_, at) => at),
  });
  const { perMillion, reasons } = recordingOf({ ...settings, sample: 0.0001, errors_only: true });
  assert.equal(perMillion, 1);
  const names = reasons.map((at) => CLOSE_REASONS[at]);
  assert.ok(names.includes('backend_reset') && names.includes('no_backend'));
  assert.ok(!names.includes('finished') && !names.includes('client_reset'));
});
