// What `top` shows, as text, on wide and narrow terminals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activity } from '#src/api/activity.js';
import type { StateView } from '#src/api/views.js';
import { type FrameInput, renderFrame, sorted } from '#src/top/frame.js';
import { backendView, stateView } from '../admin/fake-operations.ts';

const BEFORE = stateView();

function after(some: Partial<StateView> = {}): StateView {
  const [listener] = BEFORE.listeners;
  assert.ok(listener);
  return stateView({
    clock_seconds: BEFORE.clock_seconds + 2,
    listeners: [
      {
        ...listener,
        accepted: 1254,
        to_client_bytes: 24_000_000,
        turn_buckets: [0, 4100, 900, 100],
        errors: 1,
      },
    ],
    pools: [
      {
        name: 'app',
        algorithm: 'random',
        backends: [
          backendView('127.0.0.1:9001', { sessions_opened: 1240, turn_buckets: [0, 4100, 900, 100] }),
          backendView('[::1]:9002', {
            up: false,
            for_seconds: 90,
            connect_failures: { refused: 9 },
            sessions: 1,
          }),
          backendView('db.example:5432', { hold: 'drain', sessions: 40, max_connections: 50 }),
        ],
      },
    ],
    ...some,
  });
}

function input(state: StateView = after(), some: Partial<FrameInput> = {}): FrameInput {
  return {
    state,
    activity: activity(BEFORE, state),
    sort: 'config',
    note: '12:00:00',
    help: 'q quit',
    ...some,
  };
}

const frame = (width: number, height = 0, given = input()): readonly string[] =>
  renderFrame(given, { width, height, colour: false });

test('with room for all of it', () => {
  assert.deepEqual(
    frame(120),
    [
      `ultrabalancer-l4 1.2.3  serving  up 60m  generation 7${' '.repeat(59)}12:00:00`,
      'sessions 3   new 10/s   in 0B/s   out 2.0MB/s   turns 50/s   p50 5.5ms   p99 9.9ms   errors 0.5/s',
      '',
      'LISTENER  LISTENS ON    POOL  SESSIONS  NEW/S  IN B/S  OUT B/S    P50    P99  ERR/S',
      'web       127.0.0.1:80  app     3/1000     10       0     2.0M  5.5ms  9.9ms    0.5',
      '',
      'POOL  BACKEND          STATE  FOR  WEIGHT  SESSIONS  NEW/S  IN B/S  OUT B/S    P50    P99  ERR/S',
      'app   127.0.0.1:9001   up     12s     100         3    3.0       0        0  5.5ms  9.9ms      0',
      'app   [::1]:9002       DOWN   90s     100         1      0       0        0      -      -    4.5',
      'app   db.example:5432  drain  12s     100     40/50    617       5       10  6.6ms  100ms      0',
      '',
      'q quit',
    ].map((line) => line),
  );
});

test('narrow ones keep what matters most, and no line is too long', () => {
  for (const width of [20, 33, 40, 60, 79, 80, 100, 200]) {
    const lines = frame(width);
    for (const line of lines) assert.ok([...line].length <= width, `${width}: ${line}`);
    assert.ok(
      lines.some((line) => /BACKEND/.test(line)),
      `${width}`,
    );
  }
  const narrow = frame(40).join('\n');
  for (const word of ['DOWN', 'drain', 'SESSIONS', 'BACKEND']) assert.ok(narrow.includes(word), narrow);
  assert.ok(!narrow.includes('WEIGHT'));
  assert.ok(frame(80).join('\n').includes('NEW/S'));
});

test('low ones say how many rows they leave out', () => {
  const backends = Array.from({ length: 30 }, (_, at) => backendView(`10.0.0.${at}:80`));
  const state = after({ pools: [{ name: 'app', algorithm: 'random', backends }] });
  for (const height of [1, 4, 8, 12, 24, 60]) {
    const lines = frame(100, height, input(state));
    assert.ok(lines.length <= height, `${height}: ${lines.length}`);
  }
  const lines = frame(100, 24, input(state));
  assert.equal(lines.length, 24);
  const shown = lines.filter((line) => line.includes('10.0.0.')).length;
  assert.ok(lines.includes(`  and ${30 - shown} more`), lines.join('\n'));
  assert.equal(lines.at(-1), 'q quit');
});

test('troubles are told, and names cannot move the cursor', () => {
  const evil = 'x\u001b[2Jy';
  const state = after({
    reasons: ['no backend of pool app is up'],
    reload_failures: 2,
    pools: [{ name: evil, algorithm: 'random', backends: [backendView('a:1')] }],
  });
  const lines = frame(120, 0, input(state));
  assert.deepEqual(lines.slice(2, 4), [
    '! no backend of pool app is up',
    '! 2 reloads were refused; the log says why',
  ]);
  assert.ok(!lines.join('').includes('\u001b') && lines.join('').includes('x\\x1b[2Jy'));
});

test('the first frame has gauges and no rates', () => {
  const state = after();
  const lines = frame(120, 0, { ...input(state), activity: activity(undefined, state) });
  assert.match(lines[1] ?? '', /^sessions 3 {3}new -\/s/);
});

test('sorted by what is asked for; what is not known comes last', () => {
  const { backends } = input().activity;
  const order = (by: Parameters<typeof sorted>[1]) =>
    sorted(backends, by).map(({ backend }) => backend.slice(-4));
  assert.deepEqual(order('config'), ['9001', '9002', '5432']);
  assert.deepEqual(order('sessions'), ['5432', '9001', '9002']);
  assert.deepEqual(order('errors'), ['9002', '9001', '5432']);
  assert.deepEqual(order('p99'), ['5432', '9001', '9002'], 'a dash is last');
});

test('colours change no width', () => {
  const plain = frame(90);
  const coloured = renderFrame(input(), { width: 90, height: 0, colour: true });
  assert.ok(coloured.join('').includes('\u001b[31m'));
  assert.deepEqual(
    coloured.map((line) => line.replaceAll(/\u001b\[\d+m/g, '')),
    plain,
  );
});
