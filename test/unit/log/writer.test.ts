import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Sink } from '#src/log-sink.js';
import { createLineWriter, type LineWriter, type LineWriterOptions } from '#src/log-writer.js';

/** What a place does with one write: takes so many bytes, or fails, now or later. */
interface Move {
  readonly bytes?: number;
  readonly code?: string;
  readonly later?: boolean;
}

/** A place that does as the moves say, and then takes everything. */
function scripted(moves: readonly Move[]): {
  open(): Sink;
  taken(): string;
  opened(): number;
  closed(): number;
} {
  const left = [...moves];
  let taken = '';
  let opened = 0;
  let closed = 0;
  return {
    taken: () => taken,
    opened: () => opened,
    closed: () => closed,
    open() {
      opened += 1;
      return {
        write(chunk, done) {
          const move = left.shift() ?? {};
          const act = (): void => {
            if (move.code !== undefined) {
              done(Object.assign(new Error(move.code), { code: move.code }), 0);
              return;
            }
            const written = Math.min(chunk.length, move.bytes ?? chunk.length);
            taken += chunk.subarray(0, written).toString('latin1');
            done(null, written);
          };
          if (move.later) setImmediate(act);
          else act();
        },
        close: () => void (closed += 1),
      };
    },
  };
}

function writerOn(place: { open(): Sink }, options: Partial<LineWriterOptions> = {}): LineWriter {
  return createLineWriter({ file: '', retryMs: 1, brokenRetryMs: 1, open: place.open, ...options });
}

const PATIENCE_MS = 5000;

test('lines arrive in order, whole, one after the other', async () => {
  const place = scripted([]);
  const writer = writerOn(place);
  for (const line of ['one', 'two', 'three']) assert.equal(writer.write(line), true);
  await writer.flush(PATIENCE_MS);
  assert.equal(place.taken(), 'one\ntwo\nthree\n');
});

test('whatever a place does meanwhile, nothing is lost, doubled or torn', async () => {
  const move = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1, max: 40 }), later: fc.boolean() }),
    fc.record({ code: fc.constantFrom('EAGAIN', 'EBUSY', 'ENOSPC'), later: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 12 }),
      fc.array(fc.stringMatching(/^[a-z]{0,30}$/), { maxLength: 20 }),
      async (moves, lines) => {
        const place = scripted(moves);
        const writer = writerOn(place);
        for (const line of lines) writer.write(line);
        await writer.flush(PATIENCE_MS);
        assert.equal(place.taken(), lines.map((line) => `${line}\n`).join(''));
        assert.deepEqual([writer.written(), writer.dropped()], [lines.length, 0]);
        assert.equal(writer.pending(), 0);
        assert.equal(writer.dropped(), 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('a reader that has gone is looked for again, and half a line is not finished elsewhere', async () => {
  const place = scripted([{ bytes: 3 }, { code: 'EPIPE' }, { code: 'EPIPE' }]);
  const writer = writerOn(place);
  writer.write('first');
  writer.write('second');
  await writer.flush(PATIENCE_MS);
  assert.equal(place.taken(), 'firsecond\n');
  assert.deepEqual([writer.written(), writer.dropped()], [1, 1]);
  assert.equal(place.opened(), 3);
  assert.equal(place.closed(), 2);
});

test('a place that cannot be opened at first is opened later, where it is stderr', async () => {
  const place = scripted([]);
  let attempts = 0;
  const open = (): Sink => {
    attempts += 1;
    if (attempts < 3) throw Object.assign(new Error('no reader'), { code: 'ENXIO' });
    return place.open();
  };
  const writer = writerOn({ open });
  writer.write('at last');
  await writer.flush(PATIENCE_MS);
  assert.equal(place.taken(), 'at last\n');
  assert.throws(() => createLineWriter({ file: '/a/file', open: () => assert.fail('no') }));
});

test('beyond the bound lines are dropped and counted, and the gap is told where it is', async () => {
  const full = Array.from({ length: 50 }, (): Move => ({ code: 'EAGAIN' }));
  const place = scripted(full);
  const writer = writerOn(place, { capacity: 100, tellDropped: (count) => `-- ${count} dropped --` });
  const kept: string[] = [];
  for (let n = 0; n < 100; n += 1) if (writer.write(`line ${n}`)) kept.push(`line ${n}`);
  assert.ok(writer.pending() <= 100);
  assert.equal(writer.dropped(), 100 - kept.length);
  await writer.flush(PATIENCE_MS);
  writer.write('after');
  await writer.flush(PATIENCE_MS);
  assert.equal(place.taken(), [...kept, `-- ${100 - kept.length} dropped --`, 'after', ''].join('\n'));
  assert.equal(writer.written(), kept.length + 1);
});

test('flush gives up when its time is over', async () => {
  const never: Sink = { write: () => undefined, close: () => undefined };
  const writer = writerOn({ open: () => never });
  writer.write('nobody takes this');
  await writer.flush(5);
  assert.equal(writer.pending(), 'nobody takes this\n'.length);
});

test('moving on: what waits goes to the new place, a write under way is not repeated', async () => {
  const old = scripted([{ later: true }]);
  const fresh = scripted([]);
  const writer = createLineWriter({
    file: 'old',
    open: (file) => (file === 'old' ? old.open() : fresh.open()),
  });
  writer.write('one');
  writer.write('two');
  assert.deepEqual(writer.moveTo('new'), { ok: true });
  await writer.flush(PATIENCE_MS);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(old.taken(), 'one\n');
  assert.equal(fresh.taken(), 'two\n');
  assert.equal(old.closed(), 1);
  assert.deepEqual([writer.written(), writer.dropped()], [2, 0]);
});

test('what waits when it is closed counts as dropped', () => {
  const place = scripted([{}, { code: 'EAGAIN' }]);
  const writer = writerOn(place);
  for (const line of ['one', 'two', 'three']) writer.write(line);
  writer.close();
  assert.equal(place.taken(), 'one\n');
  assert.deepEqual([writer.written(), writer.dropped(), writer.pending()], [1, 2, 0]);
});

test('a move to where nothing can be opened changes nothing', async () => {
  const old = scripted([]);
  const problem = new Error('no such directory');
  const writer = createLineWriter({
    file: 'old',
    open(file) {
      if (file === 'new') throw problem;
      return old.open();
    },
  });
  assert.deepEqual(writer.moveTo('new'), { ok: false, error: problem });
  writer.write('one');
  await writer.flush(PATIENCE_MS);
  assert.equal(old.taken(), 'one\n');
  assert.deepEqual(writer.reopen(), { ok: true });
  assert.equal(old.opened(), 2);
  assert.equal(old.closed(), 1);
});
