import assert from 'node:assert/strict';
import { test } from 'node:test';

import { COLUMNS, createRecordReader } from '#src/engine/records.js';

const NONE = COLUMNS.map(() => NaN);

function row(values: Partial<Record<(typeof COLUMNS)[number], number>>, order: readonly string[]): number[] {
  return order.map((name) => values[name as (typeof COLUMNS)[number]] ?? 0);
}

test('rows are read by the names of their columns, in whichever order', () => {
  const order = ['something new', ...[...COLUMNS].reverse()];
  const read = createRecordReader(order);
  const values = [
    ...row(
      { listener: 7, reason: 2, clientPort: 80, firstEnds: 1 | (2 << 2), durationMs: 1.5, warm: 1 },
      order,
    ),
    ...row({ listener: 8, reason: 5, failure: 1, backend: 3, toClientBytes: 2 ** 40 }, order),
  ];
  const records = read({ values: Float64Array.from(values), addresses: ['c1', 'l1', 'c2', ''] });
  assert.equal(records.length, 2);
  const [first, second] = records;
  assert.deepEqual(
    [first?.listener, first?.reason, first?.client, first?.local, first?.clientPort, first?.durationMs],
    [7, 'backend_reset', 'c1', 'l1', 80, 1.5],
  );
  assert.deepEqual([first?.clientEndedFirst, first?.backendEndedFirst, first?.warm], ['fin', 'rst', true]);
  assert.deepEqual(
    [second?.reason, second?.failure, second?.backend, second?.toClientBytes, second?.local],
    ['connect_failed', 'timeout', 3, 2 ** 40, ''],
  );
  assert.deepEqual([second?.clientEndedFirst, second?.backendEndedFirst], [undefined, undefined]);
});

test('what there is none of is undefined', () => {
  const [record] = createRecordReader(COLUMNS)({ values: Float64Array.from(NONE), addresses: ['', ''] });
  assert.deepEqual(
    [
      record?.backend,
      record?.failure,
      record?.waitedMs,
      record?.clientTcp.rttMs,
      record?.backendTcp.retransmits,
    ],
    [undefined, undefined, undefined, undefined, undefined],
  );
});

test('an addon that lacks a column is told apart at once', () => {
  assert.throws(() => createRecordReader(COLUMNS.slice(1)), /the addon records no worker/);
});
