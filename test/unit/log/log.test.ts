import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { LogSettings } from '#src/config/config.js';
import { createLog, type LogOptions, type LogRecord, type ProcessLog } from '#src/log.js';
import type { LineWriter } from '#src/log-writer.js';
import { createFakeTime } from '../health/fake-time.ts';

const JSON_SETTINGS: LogSettings = { level: 'info', format: 'json', file: '' };
const TIME = Date.UTC(2024, 1, 3, 4, 5, 6, 7);

/** A log whose lines end in an array. */
function logTo(lines: string[], settings: LogSettings = JSON_SETTINGS, options: LogOptions = {}): ProcessLog {
  const writer: LineWriter = {
    write: (line) => lines.push(line) > 0,
    moveTo: () => ({ ok: true }),
    reopen: () => ({ ok: true }),
    flush: () => Promise.resolve(),
    dropped: () => 0,
    written: () => lines.length,
    pending: () => 0,
    close: () => undefined,
  };
  return createLog(settings, {
    createWriter: () => writer,
    wallClock: () => TIME,
    isTerminal: () => false,
    ...options,
  });
}

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'log-test-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('a record as JSON: level, time, fields and message', () => {
  const lines: string[] = [];
  logTo(lines).warn('backend x is down', { event: 'backend-down', count: 3, big: 2n ** 60n });
  assert.deepEqual(lines, [
    `{"level":"warn","time":"2024-02-03T04:05:06.007Z","pid":${process.pid},"event":"backend-down","count":3,"big":1152921504606846976,"msg":"backend x is down"}`,
  ]);
});

test('a record for people: the time of day where somebody watches, the whole date elsewhere', () => {
  const lines: string[] = [];
  const settings: LogSettings = { ...JSON_SETTINGS, format: 'text' };
  logTo(lines, settings).info('backend 127.0.0.1:9001 is down', { event: 'x' });
  logTo(lines, settings, { isTerminal: () => true }).error('no');
  assert.equal(lines[0], '2024-02-03T04:05:06.007Z info  backend 127.0.0.1:9001 is down');
  assert.match(String(lines[1]), /^\d\d:05:06 error no$/);
});

test('auto is text on a terminal and JSON elsewhere, a file included', () => {
  const lines: string[] = [];
  const auto: LogSettings = { ...JSON_SETTINGS, format: 'auto' };
  logTo(lines, auto, { isTerminal: () => true }).info('a');
  logTo(lines, auto).info('b');
  logTo(lines, { ...auto, file: '/some/file' }, { isTerminal: () => true }).info('c');
  assert.deepEqual(
    lines.map((line) => line.startsWith('{')),
    [false, true, true],
  );
});

test('several lines become one for people, and stay as they are for machines', () => {
  const lines: string[] = [];
  const text: LogSettings = { ...JSON_SETTINGS, format: 'text' };
  logTo(lines, text).info('changed:\n  ~ one\n\n  ~ two\n');
  logTo(lines, text).info('\n\n');
  logTo(lines).info('a\nb');
  assert.match(String(lines[0]), / info {2}changed: ~ one; ~ two$/);
  assert.match(String(lines[1]), / info {2}$/);
  assert.equal((JSON.parse(String(lines[2])) as { msg: string }).msg, 'a\nb');
});

test('levels: what is below is not told, and can be', () => {
  const lines: string[] = [];
  const log = logTo(lines);
  log.debug('no');
  log.setLevel('debug');
  assert.equal(log.level(), 'debug');
  log.debug('yes');
  assert.deepEqual(log.use({ ...JSON_SETTINGS, level: 'error' }), { ok: true });
  log.warn('no');
  log.limited('key').warn('no');
  log.banner('no');
  log.error('yes');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
    ['yes', 'yes'],
  );
});

test('whatever a message holds, it is one line, nothing in it is obeyed, and JSON gives it back', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', '\n{"level":"error"}', '\u001b[2J', '\u009b', '\u2028', '%s %d %%', '"\\'),
      (text, extra) => {
        const message = `${text}${extra}`;
        const lines: string[] = [];
        logTo(lines).info(message, { field: message });
        logTo(lines, { ...JSON_SETTINGS, format: 'text' }).info(message);
        assert.equal(lines.length, 2);
        for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        const parsed = JSON.parse(String(lines[0])) as { msg: string; field: string };
        assert.deepEqual([parsed.msg, parsed.field], [message, message]);
      },
    ),
  );
});

test('a message is cut somewhere, and an error in the fields has no stack', () => {
  const lines: string[] = [];
  const log = logTo(lines);
  log.info('x'.repeat(1_000_000));
  assert.ok(String(lines[0]).length < 10_000);
  log.error('failed', { err: new Error('because') });
  assert.equal((JSON.parse(String(lines[1])) as { err: string }).err, 'because');
});

test('a banner is lines for people, and one record for machines', () => {
  const lines: string[] = [];
  logTo(lines, { ...JSON_SETTINGS, format: 'text' }).banner('first\n  second');
  logTo(lines).banner('first\n  second');
  assert.deepEqual(lines.slice(0, 2), ['first', '  second']);
  assert.equal((JSON.parse(String(lines[2])) as { msg: string }).msg, 'first; second');
});

test('limited: at most one line per period, and how many there were', async () => {
  const lines: string[] = [];
  const time = createFakeTime();
  const log = logTo(lines, { ...JSON_SETTINGS, format: 'text' }, { clock: time });
  for (let n = 1; n <= 5; n += 1) log.limited('pause').warn(`pause ${n}`);
  assert.equal(lines.length, 1);
  await time.advance(1000);
  assert.deepEqual(
    lines.map((line) => line.split(' ').slice(3).join(' ')),
    ['pause 1', 'pause 5 (and 3 more like it)'],
  );
  log.limited('pause').warn('pause 6');
  await log.flush();
  assert.match(String(lines[2]), /pause 6$/);
});

test('listeners get what is logged, until they do not want it', () => {
  const log = logTo([]);
  const seen: LogRecord[] = [];
  const stop = log.listen((record) => seen.push(record));
  log.warn('one\n', { event: 'x' });
  log.debug('below the level');
  stop();
  log.warn('two');
  assert.deepEqual(seen, [{ time: TIME, level: 'warn', message: 'one\n', fields: { event: 'x' } }]);
});

test('a file is appended to, and opened again after it was moved away', async (t) => {
  const file = join(directory(t), 'a.log');
  const log = createLog({ level: 'info', format: 'text', file });
  log.info('before');
  await log.flush();
  renameSync(file, `${file}.1`);
  log.reopen();
  log.info('after');
  await log.flush();
  assert.match(readFileSync(`${file}.1`, 'utf8'), / info {2}before\n$/);
  assert.match(readFileSync(file, 'utf8'), / info {2}the log was opened again\n.* info {2}after\n$/);
});

test('settings are taken whole or not at all', async (t) => {
  const place = directory(t);
  const file = join(place, 'a.log');
  const log = createLog({ level: 'info', format: 'text', file });
  const refused = log.use({ level: 'debug', format: 'json', file: join(place, 'no', 'such', 'directory') });
  assert.equal(refused.ok, false);
  assert.match(refused.ok ? '' : refused.message, /^no log file: cannot open .*: no such file or directory$/);
  log.debug('not told');
  log.info('still here');
  await log.flush();
  assert.match(readFileSync(file, 'utf8'), /^\S+ info {2}still here\n$/);
  const other = join(place, 'b.log');
  assert.deepEqual(log.use({ level: 'debug', format: 'json', file: other }), { ok: true });
  log.debug('there');
  await log.flush();
  assert.match(readFileSync(other, 'utf8'), /^\{"level":"debug".*"msg":"there"\}\n$/);
});

test('without its file a log goes to stderr and says so first', () => {
  const lines: string[] = [];
  const sound = createWriterOf(lines);
  const log = createLog(
    { ...JSON_SETTINGS, file: '/no/such/directory/x.log' },
    {
      createWriter(options) {
        if (options.file !== '')
          throw Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'open', path: options.file });
        return sound;
      },
    },
  );
  assert.equal(log.problem(), 'no log file: cannot open /no/such/directory/x.log: no such file or directory');
  assert.match(String(lines[0]), /no log file/);
});

function createWriterOf(lines: string[]): LineWriter {
  return {
    write: (line) => lines.push(line) > 0,
    moveTo: () => ({ ok: true }),
    reopen: () => ({ ok: true }),
    flush: () => Promise.resolve(),
    dropped: () => 0,
    written: () => lines.length,
    pending: () => 0,
    close: () => undefined,
  };
}

test('last words are said on stderr too where lines go to a file', () => {
  const written: Record<string, string[]> = { '': [], '/a/file': [] };
  const log = createLog(
    { ...JSON_SETTINGS, format: 'text', file: '/a/file' },
    { createWriter: ({ file }) => createWriterOf(written[file] ?? []) },
  );
  log.fatal('cannot listen');
  assert.match(String(written['/a/file']?.[0]), /error cannot listen$/);
  assert.deepEqual(written[''], ['ultrabalancer-l4: cannot listen']);
});
