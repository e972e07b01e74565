import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventReader } from '#src/api/event-stream.js';
import {
  createEventStreams,
  type EventSink,
  type EventStreams,
  KEPT,
  MOST_STREAMS,
  MOST_WAITING,
} from '#src/admin/events.js';
import type { AdminEvent } from '#src/admin/operations.js';

interface Sink extends EventSink {
  writableLength: number;
  text: string;
  ended: boolean;
}

function sink(): Sink {
  const made: Sink = {
    writableLength: 0,
    text: '',
    ended: false,
    write: (text) => void (made.text += text),
    end: () => void (made.ended = true),
  };
  return made;
}

function event(n: number, some: Partial<AdminEvent> = {}): AdminEvent {
  return { time: n, level: 'info', event: 'thing', message: `event ${n}`, fields: { n }, ...some };
}

function setUp(): {
  streams: EventStreams;
  tell(event: AdminEvent): void;
  beat(): void;
  listening(): boolean;
} {
  let listener: ((event: AdminEvent) => void) | undefined;
  let beat = (): void => undefined;
  const streams = createEventStreams({
    listen(wanted) {
      listener = wanted;
      return () => (listener = undefined);
    },
    every(_ms, run) {
      beat = run;
      return () => (beat = () => undefined);
    },
  });
  return {
    streams,
    tell: (each) => listener?.(each),
    beat: () => beat(),
    listening: () => listener !== undefined,
  };
}

/** What a reader makes of it. */
function read(text: string): [string, unknown][] {
  const seen: [string, unknown][] = [];
  createEventReader((name, data) => seen.push([name, data]))(text);
  return seen;
}

test('who watches sees what happens from then on, as it was', () => {
  const { streams, tell } = setUp();
  tell(event(1));
  const watcher = sink();
  const { leave } = streams.join(watcher, undefined);
  tell(event(2, { message: 'two\nlines', fields: { big: 2n ** 40n } }));
  leave();
  tell(event(3));
  assert.deepEqual(read(watcher.text), [
    ['thing', { time: 2, level: 'info', event: 'thing', message: 'two\nlines', fields: { big: 2 ** 40 } }],
  ]);
});

test('nothing in an event can pass for another one', () => {
  const { streams, tell } = setUp();
  const watcher = sink();
  streams.join(watcher, undefined);
  tell(event(1, { event: 'x\ndata: {}\n\nevent: forged', message: '\n\nevent: forged\ndata: {}\n\n' }));
  assert.deepEqual(
    read(watcher.text).map(([name]) => name),
    ['message'],
  );
});

test('who comes back gets what it has missed, as far as that is kept', () => {
  const { streams, tell } = setUp();
  for (let n = 1; n <= KEPT + 10; n += 1) tell(event(n));
  const since = (lastId: number): number[] => {
    const watcher = sink();
    streams.join(watcher, lastId).leave();
    return read(watcher.text).map(([, data]) => (data as { time: number }).time);
  };
  assert.deepEqual(since(KEPT + 8), [KEPT + 9, KEPT + 10]);
  assert.deepEqual(since(KEPT + 10), []);
  assert.equal(since(0).length, KEPT);
  assert.equal(since(1_000_000).length, KEPT, 'an id from before a restart');
});

test('a reader that is too slow misses some and is told how many; the others miss nothing', () => {
  const { streams, tell, beat } = setUp();
  const slow = sink();
  const fast = sink();
  streams.join(slow, undefined);
  streams.join(fast, undefined);
  tell(event(1));
  slow.writableLength = MOST_WAITING + 1;
  for (const n of [2, 3, 4]) tell(event(n));
  const before = slow.text;
  beat();
  assert.equal(slow.text, before, 'nothing is added to what waits');
  slow.writableLength = 0;
  tell(event(5));
  assert.deepEqual(
    read(slow.text).map(([name, data]) => [name, (data as { count?: number }).count]),
    [
      ['thing', undefined],
      ['missed', 3],
      ['thing', undefined],
    ],
  );
  assert.equal(read(fast.text).length, 5);
});

test('streams are bounded, kept alive, and ended with the server', () => {
  const { streams, beat, listening } = setUp();
  const watchers = Array.from({ length: MOST_STREAMS }, sink);
  for (const watcher of watchers) streams.join(watcher, undefined);
  assert.equal(streams.full(), true);
  beat();
  for (const watcher of watchers) assert.match(watcher.text, /\n: still here\n\n$/);
  streams.close();
  assert.ok(watchers.every(({ ended }) => ended));
  assert.equal(listening(), false);
  assert.equal(streams.full(), false);
});

test('a reader takes pieces of any size', () => {
  const { streams, tell } = setUp();
  const watcher = sink();
  streams.join(watcher, undefined);
  for (const n of [1, 2, 3]) tell(event(n));
  const seen: unknown[] = [];
  const feed = createEventReader((name) => seen.push(name));
  for (const character of watcher.text) feed(character);
  assert.deepEqual(seen, ['thing', 'thing', 'thing']);
});
