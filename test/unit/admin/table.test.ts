import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printBackends, printSessions, printState } from '#src/admin/print.js';
import { formatTable } from '#src/admin/table.js';
import { formatCount, formatSeconds } from '#src/api/units.js';
import { backendView, SESSIONS, stateView } from './fake-operations.ts';

test('columns are as wide as they need to be, figures to the right, nothing at the end of a line', () => {
  const rows = [
    { name: 'a', count: 5 },
    { name: 'longer', count: 1234 },
    { name: '\u001b[2J', count: 0 },
  ];
  const table = formatTable(rows, [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'N', right: true, cell: ({ count }) => String(count) },
    { title: 'LAST', cell: () => '' },
  ]);
  assert.equal(
    table,
    ['NAME        N  LAST', 'a           5', 'longer   1234', '\\x1b[2J     0', ''].join('\n'),
  );
});

test('figures have three digits and a unit', () => {
  const counts: readonly (readonly [number, string])[] = [
    [0, '0'],
    [7, '7'],
    [999, '999'],
    [1000, '1.0K'],
    [1234, '1.2K'],
    [9949, '9.9K'],
    [9950, '10K'],
    [999_499, '999K'],
    [999_500, '1.0M'],
    [5_368_709_120, '5.4G'],
    [2 ** 53, '9.0P'],
  ];
  for (const [value, text] of counts) assert.equal(formatCount(value), text);
  const times: readonly (readonly [number, string])[] = [
    [0, '0.0ms'],
    [0.0123, '12.3ms'],
    [0.5, '0.5s'],
    [12, '12s'],
    [99, '99s'],
    [3600, '60m'],
    [86_400, '24h'],
    [864_000, '10d'],
  ];
  for (const [value, text] of times) assert.equal(formatSeconds(value), text);
});

const DRAIN = {
  since_seconds: 3,
  sessions_at_start: 9,
  ends_in_seconds: null,
  rate: 0,
  order: 'idle',
  done: false,
} as const;

test('what drains says how long it may take, and the process how many are left', () => {
  const [web] = stateView().listeners;
  assert.ok(web !== undefined);
  const leaving = {
    stage: 'draining',
    since_seconds: 5,
    sessions_at_start: 40,
    sessions: 12,
    ends_in_seconds: 25,
  } as const;
  const held = { ...web, hold: 'drain', drain: DRAIN } as const;
  const text = printState(stateView({ leaving, listeners: [held] }));
  assert.match(text, /^! it drains: 12 of 40 sessions are left, 25s to go$/m);
  assert.match(text, /^web .* drain +3\/1000 /m);
  assert.match(
    printState(stateView({ leaving: { ...leaving, stage: 'delay' } })),
    /^! it is leaving, and accepts for now: 12 sessions, 25s to go$/m,
  );
});

test('what is wrong stands out', () => {
  const state = stateView({
    reload_failures: 2,
    reasons: ['pool db has no backend that is up'],
    pools: [
      {
        name: 'app',
        algorithm: 'random',
        backends: [
          backendView('a:1', { up: false, code: 'L4CON', detail: 'connection refused' }),
          backendView('b:2', { hold: 'drain', weight: 5, drain: { ...DRAIN, ends_in_seconds: 25 } }),
          backendView('c:3', { configured: false, weight: 0, configured_weight: 0 }),
          backendView('d:4', {
            backup: true,
            connect_failures: { refused: 2, timeout: 3 },
            max_connections: 10,
          }),
        ],
      },
    ],
  });
  const text = printState(state);
  assert.match(text, /^ultrabalancer-l4 1\.2\.3, process 42, up 60m, serving, generation 7$/m);
  assert.match(text, /^! pool db has no backend that is up$/m);
  assert.match(text, /^! 2 reloads were refused; the log says why$/m);
  assert.match(text, /^web {7}127\.0\.0\.1:80 {2}app +open +3\/1000 /m);
  const rows = printBackends(state).split('\n');
  assert.match(String(rows[1]), /^app {3}a:1 {6}DOWN .* L4CON .* connection refused$/);
  assert.match(String(rows[2]), / drain 25s .* 5 \(100\) /);
  assert.match(String(rows[3]), / removed /);
  assert.match(String(rows[4]), / 100 backup .* 3\/10 .* 5 /);
});

test('a list that is not all of it says so', () => {
  const text = printSessions(SESSIONS);
  assert.match(text, /^0-12345678901234567890 {2}192\.0\.2\.1 {2}web /m);
  assert.match(text, /\nand more; --limit shows them\n$/);
  assert.doesNotMatch(printSessions({ ...SESSIONS, truncated: false }), /and more/);
});
