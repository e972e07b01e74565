// A file that changes in all the ways that files change, and in some in which they do not.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';

import { watchFile } from '#src/embed/watch.js';

const QUICK = { settleMs: 20, lookEveryMs: 50 };
/** Only what the kernel tells. */
const TOLD = { settleMs: 20, lookEveryMs: 3_600_000 };

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'watch-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Counts changes of a file, and waits for the next. */
function watched(t: TestContext, file: string, options = TOLD) {
  let count = 0;
  let wake: () => void = () => undefined;
  // The watch does not keep a process alive; the test has to.
  const alive = setInterval(() => undefined, 1000);
  const watch = watchFile(
    file,
    () => {
      count += 1;
      wake();
    },
    options,
  );
  t.after(() => {
    watch.close();
    clearInterval(alive);
  });
  return {
    watch,
    count: () => count,
    async reaches(wanted: number): Promise<void> {
      while (count < wanted) await new Promise<void>((resolve) => (wake = resolve));
      assert.equal(count, wanted);
    },
  };
}

/** Until whoever watches the folder since before has looked again: a later watch in it has seen a later change. */
async function looked(t: TestContext, path: string): Promise<void> {
  const sentinel = join(path, `sentinel-${performance.now()}`);
  writeFileSync(sentinel, 'a');
  const { reaches } = watched(t, sentinel);
  writeFileSync(sentinel, 'b');
  await reaches(1);
}

const LIMIT = { timeout: 20_000 };

it('written in place, replaced, removed and put back', LIMIT, async (t) => {
  const path = folder(t);
  const file = join(path, 'lb.yaml');
  writeFileSync(file, 'one');
  const { reaches } = watched(t, file);
  appendFileSync(file, ' and more');
  await reaches(1);
  writeFileSync(`${file}~`, 'two');
  renameSync(`${file}~`, file);
  await reaches(2);
  renameSync(file, `${file}.bak`);
  await looked(t, path);
  await reaches(2);
  writeFileSync(file, 'three');
  await reaches(3);
});

it('what stays the same is no change: touched, written again, moved away and back', LIMIT, async (t) => {
  const path = folder(t);
  const file = join(path, 'lb.yaml');
  writeFileSync(file, 'one');
  const { count, reaches } = watched(t, file);
  utimesSync(file, 1, 1);
  writeFileSync(file, 'one');
  renameSync(file, `${file}.bak`);
  await looked(t, path);
  renameSync(`${file}.bak`, file);
  await looked(t, path);
  assert.equal(count(), 0);
  writeFileSync(file, 'two');
  await reaches(1);
});

it('a burst of writes is one change', LIMIT, async (t) => {
  const path = folder(t);
  const file = join(path, 'lb.yaml');
  writeFileSync(file, 'one');
  const { count, reaches } = watched(t, file);
  for (let n = 0; n < 20; n += 1) writeFileSync(file, `write ${n}`);
  await reaches(1);
  await looked(t, path);
  assert.equal(count(), 1);
});

it('a folder that is swapped by a link, as for a ConfigMap', LIMIT, async (t) => {
  const path = folder(t);
  for (const [version, text] of [
    ['..1', 'one'],
    ['..2', 'two'],
    ['..3', 'two'],
  ] as const) {
    mkdirSync(join(path, version));
    writeFileSync(join(path, version, 'lb.yaml'), text);
  }
  const swap = (version: string): void => {
    symlinkSync(version, join(path, '..tmp'));
    renameSync(join(path, '..tmp'), join(path, '..data'));
  };
  swap('..1');
  symlinkSync(join('..data', 'lb.yaml'), join(path, 'lb.yaml'));
  const { count, reaches } = watched(t, join(path, 'lb.yaml'));
  swap('..2');
  await reaches(1);
  rmSync(join(path, '..1'), { recursive: true });
  swap('..3');
  await looked(t, path);
  assert.equal(count(), 1, 'the same text in another folder');
});

it('a link to a file elsewhere: written there, and pointed elsewhere', LIMIT, async (t) => {
  const [path, elsewhere, further] = [folder(t), folder(t), folder(t)];
  writeFileSync(join(elsewhere, 'real.yaml'), 'one');
  writeFileSync(join(further, 'real.yaml'), 'two');
  const link = join(path, 'lb.yaml');
  symlinkSync(join(elsewhere, 'real.yaml'), link);
  const { reaches } = watched(t, link);
  writeFileSync(join(elsewhere, 'real.yaml'), 'one more');
  await reaches(1);
  symlinkSync(join(further, 'real.yaml'), `${link}~`);
  renameSync(`${link}~`, link);
  await reaches(2);
  writeFileSync(join(further, 'real.yaml'), 'two more');
  await reaches(3);
});

it('a folder that is replaced as a whole, and one that comes later', LIMIT, async (t) => {
  const path = folder(t);
  const conf = join(path, 'conf');
  const file = join(conf, 'lb.yaml');
  const { reaches } = watched(t, file, QUICK);
  mkdirSync(conf);
  writeFileSync(file, 'one');
  await reaches(1);
  mkdirSync(`${conf}~`);
  writeFileSync(join(`${conf}~`, 'lb.yaml'), 'two');
  renameSync(conf, `${conf}.old`);
  renameSync(`${conf}~`, conf);
  await reaches(2);
  writeFileSync(file, 'three');
  await reaches(3);
});

it('what cannot be read is a change too, and told once', LIMIT, async (t) => {
  const path = folder(t);
  const file = join(path, 'lb.yaml');
  writeFileSync(file, 'one');
  const { count, reaches } = watched(t, file);
  writeFileSync(file, Buffer.from([0xff, 0xfe, 0xfd]));
  await reaches(1);
  utimesSync(file, 1, 1);
  await looked(t, path);
  assert.equal(count(), 1);
});

it('nothing is told after close', LIMIT, async (t) => {
  const path = folder(t);
  const file = join(path, 'lb.yaml');
  writeFileSync(file, 'one');
  const { watch, count } = watched(t, file);
  writeFileSync(file, 'two');
  watch.close();
  watch.close();
  await looked(t, path);
  assert.equal(count(), 0);
});
