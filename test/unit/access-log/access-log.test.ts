// The access log against an engine and writers that do as the test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type AccessLog, createAccessLog } from '#src/access-log/access-log.js';
import { COLLECT_EVERY_MS, createCollector, MOST_AT_ONCE } from '#src/access-log/collector.js';
import type { Config } from '#src/config/config.js';
import type { EndedSession } from '#src/engine/engine.js';
import type { LineWriter } from '#src/log-writer.js';
import { config } from '../config/support.ts';
import { ended, NAMES } from './ended.ts';

const BASE = 'listen: 127.0.0.1:8080\nbackends:\n  - { host: 127.0.0.1, port: 9001 }\n';
const withLog = (settings: string): Config => config(`${BASE}log: { access: { ${settings} } }\n`);

interface FakeFile {
  readonly name: string;
  readonly lines: string[];
  room: number;
  reopened: number;
  closed: boolean;
  dropped: number;
  pending: number;
}

function world() {
  const waiting: EndedSession[] = [];
  const files: FakeFile[] = [];
  const told: string[] = [];
  let tick: (() => void) | undefined;
  const soon: (() => void)[] = [];
  function createWriter({ file }: { readonly file: string }): LineWriter {
    if (file.includes('forbidden'))
      throw Object.assign(new Error('EACCES'), { code: 'EACCES', syscall: 'open', path: file });
    const self: FakeFile = {
      name: file,
      lines: [],
      room: Infinity,
      reopened: 0,
      closed: false,
      dropped: 0,
      pending: 0,
    };
    files.push(self);
    return {
      write(line) {
        if (self.lines.length >= self.room) {
          self.dropped += 1;
          return false;
        }
        self.lines.push(line);
        return true;
      },
      moveTo: () => ({ ok: true }),
      reopen: () => {
        self.reopened += 1;
        return { ok: true };
      },
      flush: () => Promise.resolve(),
      dropped: () => self.dropped,
      written: () => self.lines.length,
      pending: () => self.pending,
      close: () => void (self.closed = true),
    };
  }
  const log = createAccessLog({
    engine: () => ({ takeEnded: (limit) => waiting.splice(0, limit) }),
    names: () => NAMES,
    log: { info: (message) => told.push(message), error: (message) => told.push(message) },
    time: {
      every(ms, run) {
        assert.equal(ms, COLLECT_EVERY_MS);
        tick = run;
        return () => (tick = undefined);
      },
      soon(run) {
        soon.push(run);
        return () => void soon.splice(soon.indexOf(run), 1);
      },
    },
    createWriter,
  });
  return {
    log,
    files,
    told,
    waiting,
    /** Undefined while the timer is off. */
    tick: () => tick,
    soon,
    end: (count = 1) => void waiting.push(...Array.from({ length: count }, () => ended())),
  };
}

async function take(log: AccessLog, wanted: Config): Promise<void> {
  (await log.open(wanted)).keep();
}

test('off it records nothing, opens nothing and has no timer', async () => {
  const { log, files, tick } = world();
  const off = config(BASE);
  assert.equal(log.wanted(off), undefined);
  await take(log, off);
  assert.equal(files.length, 0);
  assert.equal(tick(), undefined);
  log.reopen();
  await log.close();
  assert.deepEqual(log.counts(), { written: 0, dropped: 0 });
});

test('on it writes what has ended, in batches, and counts', async () => {
  const { log, files, tick, end, soon } = world();
  await take(log, withLog('file: /a'));
  end(MOST_AT_ONCE + 1);
  tick()?.();
  assert.equal(files[0]?.lines.length, MOST_AT_ONCE);
  soon.shift()?.();
  assert.equal(files[0].lines.length, MOST_AT_ONCE + 1);
  assert.equal((JSON.parse(files[0].lines[0] ?? '') as { listener: string }).listener, 'web');
  assert.equal(soon.length, 0);
  files[0].room = MOST_AT_ONCE + 2;
  end(3);
  tick()?.();
  assert.deepEqual(log.counts(), { written: MOST_AT_ONCE + 2, dropped: 2 });
});

test('a writer that is behind is given time', async () => {
  const { log, files, tick, end, soon } = world();
  await take(log, withLog('file: /a'));
  end(MOST_AT_ONCE * 2);
  if (files[0]) files[0].pending = 1 << 20;
  tick()?.();
  assert.equal(soon.length, 0);
  assert.equal(files[0]?.lines.length, MOST_AT_ONCE);
});

test('another file is opened beside the old one, which gets what ended before', async () => {
  const { log, files, end, tick } = world();
  await take(log, withLog('file: /a'));
  const opened = await log.open(withLog('file: /b, format: text'));
  end();
  opened.keep();
  end();
  tick()?.();
  assert.deepEqual(
    files.map(({ name, lines }) => [name, lines.length, lines[0]?.startsWith('{')]),
    [
      ['/a', 1, true],
      ['/b', 1, false],
    ],
  );
  await new Promise(setImmediate);
  assert.ok(files[0]?.closed && !files[1]?.closed);
  assert.deepEqual(log.counts(), { written: 2, dropped: 0 });
});

test('a config that is refused leaves the old file, and closes the new one', async () => {
  const { log, files, end, tick } = world();
  await take(log, withLog('file: /a'));
  await (await log.open(withLog('file: /b'))).discard();
  end();
  tick()?.();
  assert.deepEqual(
    files.map(({ lines, closed }) => [lines.length, closed]),
    [
      [1, false],
      [0, true],
    ],
  );
});

test('a file that cannot be opened refuses the config', async () => {
  const { log } = world();
  await assert.rejects(log.open(withLog('file: /forbidden')), {
    message: 'the access log cannot be opened: cannot open /forbidden: permission denied',
  });
});

test('the same file stays open over a reload that changes something else', async () => {
  const { log, files } = world();
  await take(log, withLog('file: /a'));
  await take(log, withLog('file: /a, sample: 5'));
  assert.equal(files.length, 1);
  assert.equal(files[0]?.closed, false);
});

test('switched off it writes the last ones, and lets go', async () => {
  const { log, files, end, tick } = world();
  await take(log, withLog('file: /a'));
  const opened = await log.open(config(BASE));
  end();
  opened.keep();
  await new Promise(setImmediate);
  assert.equal(tick(), undefined);
  assert.deepEqual([files[0]?.lines.length, files[0]?.closed], [1, true]);
  assert.deepEqual(log.counts(), { written: 1, dropped: 0 });
});

test('what ends before the first config is known to be kept is not lost', async () => {
  const { log, files, end } = world();
  const opened = await log.open(withLog('file: /a'));
  end();
  log.collect();
  opened.keep();
  assert.equal(files[0]?.lines.length, 1);
});

test('SIGUSR1 opens it again, and the end writes what is left', async () => {
  const { log, files, end, told } = world();
  await take(log, withLog('file: /a'));
  log.reopen();
  assert.equal(files[0]?.reopened, 1);
  assert.deepEqual(told, ['the access log was opened again']);
  end(2);
  await log.close();
  assert.deepEqual([files[0].lines.length, files[0].closed], [2, true]);
  assert.deepEqual(log.counts(), { written: 2, dropped: 0 });
});

test('collecting ends although sessions never stop ending', () => {
  let taken = 0;
  const collector = createCollector({
    take: (limit) => {
      taken += limit;
      return Array.from({ length: limit }, () => ended());
    },
    deliver: () => undefined,
    isBehind: () => false,
  });
  collector.collect();
  assert.ok(taken > 64 * 4096 && taken < 1e6, `${taken} taken`);
});
