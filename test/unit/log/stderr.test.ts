// What becomes of a process whose stderr is in trouble: nothing. Real descriptors of every kind, a process for each.

import assert from 'node:assert/strict';
import { execFileSync, spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const TALKER = fileURLToPath(new URL('talker.js', import.meta.url));
/** Far more than any pipe and the log's own store hold together. */
const MANY = 20_000;
const FEW = 200;

interface Outcome {
  readonly code: number | null;
  readonly dropped: number;
}

async function talk(lines: number, stderr: number | 'pipe', options: SpawnOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [TALKER, String(lines)], {
    stdio: ['ignore', 'pipe', stderr],
    timeout: 20_000,
    ...options,
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  assert.ok(child.stdout);
  const said = await text(child.stdout);
  const code = await ended;
  assert.notEqual(said, '', `it ended (${code}) without a word`);
  return { code, ...(JSON.parse(said) as { dropped: number }) };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'log-stderr-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function fifo(t: TestContext): string {
  const path = join(folder(t), 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

/** Both ends, the reading one first. */
function openFifo(path: string): [number, number] {
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return [reading, openSync(path, constants.O_WRONLY)];
}

/** The numbers of the lines, each of which has to be whole. */
function numbers(lines: string): number[] {
  return lines
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => (JSON.parse(line) as { n?: number }).n ?? []);
}

test('a pipe that nobody reads: it goes on and ends, and what had no room is counted', async (t) => {
  const [reading, writing] = openFifo(fifo(t));
  t.after(() => closeSync(reading));
  const { code, dropped } = await talk(MANY, writing);
  closeSync(writing);
  assert.equal(code, 0);
  assert.ok(dropped > 0 && dropped < MANY, `${dropped} dropped`);
  const buffer = Buffer.alloc(1 << 20);
  const seen = numbers(buffer.toString('utf8', 0, readSync(reading, buffer)));
  assert.deepEqual(
    seen,
    seen.map((_, at) => at + 1),
    'what did arrive is whole and in order',
  );
  assert.ok(seen.length > 0);
});

test('a pipe whose reader has gone', async (t) => {
  const [reading, writing] = openFifo(fifo(t));
  closeSync(reading);
  const { code, dropped } = await talk(MANY, writing);
  closeSync(writing);
  assert.equal(code, 0);
  assert.ok(dropped > 0);
});

test('a pipe that is read gets every line, and its other users find it as it was', async (t) => {
  const path = fifo(t);
  const [reading, writing] = openFifo(path);
  t.after(() => closeSync(reading));
  const { code, dropped } = await talk(FEW, writing);
  const flags = /^flags:\s+0(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${writing}`, 'utf8'))?.[1];
  assert.equal(parseInt(String(flags), 8) & constants.O_NONBLOCK, 0, 'still blocking for everybody else');
  closeSync(writing);
  assert.deepEqual([code, dropped], [0, 0]);
  const buffer = Buffer.alloc(1 << 20);
  assert.equal(numbers(buffer.toString('utf8', 0, readSync(reading, buffer))).length, FEW);
});

test('a socket that nobody reads, as under a service manager that stands still', async () => {
  const { code, dropped } = await talk(MANY, 'pipe');
  assert.equal(code, 0);
  assert.ok(dropped > 0);
});

test('a disk that is full', async () => {
  const full = openSync('/dev/full', 'w');
  const { code, dropped } = await talk(MANY, full);
  closeSync(full);
  assert.equal(code, 0);
  assert.ok(dropped > 0);
});

test('a file, shared with whoever else writes to it', async (t) => {
  const path = join(folder(t), 'file');
  const fd = openSync(path, 'a');
  const { code, dropped } = await talk(FEW, fd);
  closeSync(fd);
  assert.deepEqual([code, dropped], [0, 0]);
  assert.equal(numbers(readFileSync(path, 'utf8')).length, FEW);
});

test('a pipe of another user', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('needs root, to become somebody else');
    return;
  }
  const path = fifo(t);
  const [reading, writing] = openFifo(path);
  t.after(() => closeSync(reading));
  // Nobody can open the pipe by name, but has it: as in a container that starts as root and runs as somebody else.
  const { code, dropped } = await talk(MANY, writing, { uid: 65534, gid: 65534 });
  closeSync(writing);
  assert.equal(code, 0);
  assert.ok(dropped > 0);
});
