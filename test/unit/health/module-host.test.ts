// Check modules in a thread of their own: their answers, their accidents, and that this thread never waits for them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { createAwake } from '#src/health/awake.js';
import type { HealthCheckSettings, Verdict } from '#src/health/health.js';
import { type ModuleHost, createModuleHost } from '#src/health/module-host.js';
import { createProbes } from '#src/health/probes.js';
import { type Time, systemTime } from '#src/health/time.js';

const awake = createAwake(systemTime);
const backend = { host: 'db.example', address: '192.0.2.7', port: 5432 };
const pass: Verdict = { outcome: 'pass', code: 'PROCOK', detail: '' };

function write(t: TestContext, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'module-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'check.mjs');
  writeFileSync(file, source);
  return file;
}

interface Opened {
  readonly host: ModuleHost;
  readonly ask: (port?: number, timeout?: number, signal?: AbortSignal) => Promise<Verdict>;
  /** Lets a pause after an accident be over. */
  readonly skip: (ms: number) => void;
}

function open(t: TestContext, source: string): Opened {
  let skipped = 0;
  const time: Time = { ...systemTime, now: () => systemTime.now() + skipped };
  const host = createModuleHost({ file: write(t, source), time, awake });
  t.after(() => host.close());
  return {
    host,
    ask: (port = 1, timeout = 10_000, signal = new AbortController().signal) =>
      host.ask({ ...backend, port }, timeout, signal),
    skip: (ms) => void (skipped += ms),
  };
}

describe('a check module', () => {
  it('answers true, false, or anything else, which is no', async (t) => {
    const { ask } = open(t, `export default async ({ port }) => [true, false, 1, 'yes', undefined][port]`);
    assert.deepEqual(await ask(0), pass);
    for (const port of [1, 2, 3, 4]) {
      assert.deepEqual(await ask(port), { outcome: 'fail', code: 'PROCERR', detail: 'module: no' });
    }
  });

  it('is told the backend', async (t) => {
    const { ask } = open(t, 'export default (backend) => { throw new Error(JSON.stringify(backend)) }');
    assert.equal((await ask(5432)).detail, `module: ${JSON.stringify(backend)}`);
  });

  it('may throw anything, at any length', async (t) => {
    const { ask } = open(
      t,
      `export default async ({ port }) => { throw [new Error('a\\nb'), 'text', null, new Error('x'.repeat(9999))][port] }`,
    );
    assert.equal((await ask(0)).detail, 'module: a b');
    assert.equal((await ask(1)).detail, 'module: text');
    assert.equal((await ask(2)).detail, 'module: null');
    assert.ok((await ask(3)).detail.length < 300);
  });

  it('is asked about several backends at once', async (t) => {
    const { ask } = open(
      t,
      `let n = 0, release; const all = new Promise((done) => (release = done));
       export default async () => { if (++n === 5) release(); await all; return true }`,
    );
    const verdicts = await Promise.all([1, 2, 3, 4, 5].map((port) => ask(port)));
    assert.deepEqual(verdicts, new Array(5).fill(pass));
  });

  it('may print: nothing of it comes here', async (t) => {
    const { ask } = open(
      t,
      `export default () => { console.log('x'.repeat(1e6)); console.error('y'); return true }`,
    );
    assert.deepEqual(await ask(), pass);
  });

  const broken: readonly [string, string, RegExp][] = [
    ['does not parse', 'export default (', /cannot be used/],
    ['has no default export', 'export const check = () => true', /default export is not a function/],
    ['throws while it loads', `throw new Error('no database')`, /no database/],
    ['ends its thread while it loads', 'process.exit(0)', /ended its thread/],
  ];
  for (const [what, source, detail] of broken) {
    it(`that ${what} vouches for nobody`, async (t) => {
      const { ask } = open(t, source);
      const verdict = await ask();
      assert.deepEqual([verdict.outcome, verdict.code], ['fail', 'PROCERR']);
      assert.match(verdict.detail, detail);
      assert.deepEqual(await ask(), verdict, 'and is not loaded anew for each question');
    });
  }

  it('that is not there vouches for nobody', async (t) => {
    const host = createModuleHost({ file: '/no/such/module.mjs', time: systemTime, awake });
    t.after(() => host.close());
    assert.equal((await host.ask(backend, 1000, new AbortController().signal)).outcome, 'fail');
  });
});

describe('a module that does not answer', () => {
  it('fails at the timeout, and is asked again, as long as its thread goes on', async (t) => {
    const { ask } = open(t, 'export default ({ port }) => (port === 1 ? new Promise(() => {}) : true)');
    assert.deepEqual(await ask(0), { ...pass });
    assert.deepEqual(await ask(1, 50), {
      outcome: 'fail',
      code: 'PROCTOUT',
      detail: 'module: no answer in time',
    });
    assert.deepEqual(await ask(0), pass);
  });

  it('does not hold this thread up while it is busy, and its answer counts', async (t) => {
    const { ask } = open(
      t,
      `export default ({ port }) => { const end = Date.now() + port; while (Date.now() < end); return true }`,
    );
    await ask(0);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 10);
    const verdict = await ask(400);
    clearInterval(timer);
    assert.deepEqual(verdict, pass);
    assert.ok(turns >= 5, `${turns} turns while the module was busy`);
  });

  it('is ended when it blocks its thread for good; those who stood behind it are not to blame', async (t) => {
    const { ask, skip } = open(t, 'export default ({ port }) => { while (port === 1); return true }');
    await ask(0);
    const [guilty, behind] = await Promise.all([ask(1, 200), ask(2, 250)]);
    assert.deepEqual([guilty.outcome, guilty.code], ['fail', 'PROCTOUT']);
    assert.equal(behind.outcome, 'inconclusive');
    let last: Verdict = behind;
    const deadline = performance.now() + 5000;
    while (last.detail !== 'module: its thread starts again') {
      assert.ok(performance.now() < deadline, `last: ${last.detail}`);
      last = await ask(2, 50);
    }
    skip(1001);
    assert.deepEqual(await ask(2), pass);
  });

  it('is replaced when it leaves too many questions open', async (t) => {
    const { ask } = open(
      t,
      'let n = 0; export default ({ port }) => (port === 0 ? String(++n) === "1" : new Promise(() => {}))',
    );
    assert.deepEqual(await ask(0), pass, 'the first question to this thread');
    const verdicts = await Promise.all(Array.from({ length: 70 }, () => ask(1, 50)));
    assert.equal(verdicts[0]?.code, 'PROCTOUT');
    assert.equal((await ask(0)).outcome, 'inconclusive');
  });
});

describe('a module that dies', () => {
  it('fails those it was asked about, and starts again after pauses that grow', async (t) => {
    const { ask, skip } = open(
      t,
      `export default ({ port }) => { if (port === 1) setTimeout(() => { throw new Error('late') }); return port === 1 ? new Promise(() => {}) : true }`,
    );
    const verdict = await ask(1);
    assert.deepEqual(verdict, { outcome: 'fail', code: 'PROCERR', detail: 'module: it died: late' });
    assert.equal((await ask(0)).outcome, 'inconclusive');
    skip(1001);
    assert.deepEqual(await ask(0), pass);
    assert.equal((await ask(1)).outcome, 'fail');
    skip(1001);
    assert.equal((await ask(0)).outcome, 'inconclusive', 'two seconds this time');
    skip(1001);
    assert.deepEqual(await ask(0), pass);
  });

  it('for want of memory does not take the process with it', async (t) => {
    const { ask } = open(
      t,
      'export default () => { const all = []; for (;;) all.push(new Array(1e5).fill({})) }',
    );
    const verdict = await ask(1, 60_000);
    assert.equal(verdict.outcome, 'fail');
    assert.match(verdict.detail, /memory/);
  });

  it('is given up on close, and so are the questions', async (t) => {
    const { host, ask } = open(t, 'export default ({ port }) => (port === 0 ? true : new Promise(() => {}))');
    await ask(0);
    const asked = ask(1);
    host.close();
    assert.equal((await asked).outcome, 'inconclusive');
    assert.equal((await ask(0)).outcome, 'inconclusive');
  });

  it('lets go of a question whose probe is given up', async (t) => {
    const { ask } = open(t, 'export default ({ port }) => (port === 0 ? true : new Promise(() => {}))');
    await ask(0);
    const ending = new AbortController();
    const asked = ask(1, 60_000, ending.signal);
    ending.abort();
    assert.equal((await asked).outcome, 'inconclusive');
    assert.equal((await ask(0, 1000, ending.signal)).outcome, 'inconclusive');
  });
});

describe('createProbes', () => {
  const settings: HealthCheckSettings = {
    enabled: true,
    check_type: 'custom',
    interval: 1000,
    timeout: 10_000,
    unhealthy_threshold: 1,
    healthy_threshold: 1,
    path: '/',
    expected_status: [],
    jitter: 0,
    command: [],
    module: '',
    cache: 0,
  };
  const { signal } = new AbortController();

  it('loads a module anew when its file has changed, at the next config', async (t) => {
    const file = write(t, 'export default () => true');
    const probes = createProbes({ time: systemTime, awake });
    t.after(() => probes.close());
    const probe = probes.probeFor({ ...settings, module: file });
    probes.keepModules(new Set([file]));
    assert.equal((await probe(backend, signal)).outcome, 'pass');
    writeFileSync(file, 'export default () => false');
    utimesSync(file, 1, 1);
    probes.keepModules(new Set([file]));
    assert.equal((await probe(backend, signal)).outcome, 'fail');
  });

  it('runs a command once for all who ask within the time its answer is kept', async (t) => {
    const file = write(t, '');
    const probes = createProbes({ time: systemTime, awake });
    const command = ['sh', '-c', 'test ! -s "$0"; found=$?; echo x >>"$0"; exit $found', file];
    const [one, two] = [1000, 1001].map((timeout) =>
      probes.probeFor({ ...settings, command, timeout, cache: 60_000 }),
    );
    const first = await one?.(backend, signal);
    assert.equal(first?.outcome, 'pass');
    assert.deepEqual(await two?.(backend, signal), first);
    assert.equal(
      (await two?.({ ...backend, port: 1 }, signal))?.outcome,
      'fail',
      'another backend is another question',
    );
  });

  it('fails where there is nothing to run', async () => {
    const probes = createProbes({ time: systemTime, awake });
    assert.equal((await probes.probeFor(settings)(backend, signal)).outcome, 'fail');
  });
});
