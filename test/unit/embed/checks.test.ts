// Functions as health checks: what they may answer, how long they may take, and who shares them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createFunctionChecks, type HealthFunction } from '#src/embed/checks.js';
import { createAwake } from '#src/health/awake.js';
import type { HealthCheckSettings, MonitoredPool, Monitor, Verdict } from '#src/health/health.js';
import type { Probes } from '#src/health/probes.js';
import { createFakeTime } from '../health/fake-time.ts';

const SETTINGS: HealthCheckSettings = {
  enabled: true,
  check_type: 'http',
  interval: 1000,
  timeout: 500,
  unhealthy_threshold: 3,
  healthy_threshold: 2,
  path: '/health',
  expected_status: [[200, 399]],
  jitter: 0,
  cache: 0,
};
const TARGET = { host: 'db', address: '10.0.0.1', port: 5432 };

function setUp(functions: Readonly<Record<string, HealthFunction>>) {
  const time = createFakeTime();
  const asked: string[] = [];
  const inner: Probes = {
    probeFor: (settings) => {
      asked.push(`probe ${settings.check_type}`);
      return () => Promise.resolve({ outcome: 'pass', code: 'L7OK', detail: '' });
    },
    keepModules: (files) => void asked.push(`keep ${[...files].join()}`),
    close: () => void asked.push('close'),
  };
  const checks = createFunctionChecks({ functions, inner, awake: createAwake(time), now: time.now });
  const seen: MonitoredPool[] = [];
  const monitor = checks.withFunctions({ update: (pools) => void seen.push(...pools) } as Monitor);
  /** As the monitor would be told. */
  const settingsOf = (name: string, more: Partial<HealthCheckSettings> = {}): HealthCheckSettings => {
    seen.length = 0;
    monitor.update([{ name, health_checks: { ...SETTINGS, ...more }, backends: [] }]);
    assert.ok(seen[0]);
    return seen[0].health_checks;
  };
  const ask = (settings: HealthCheckSettings, signal = new AbortController().signal): Promise<Verdict> =>
    checks.probes.probeFor(settings)(TARGET, signal);
  return { time, checks, asked, settingsOf, ask };
}

describe('createFunctionChecks', () => {
  it('only true is healthy, and what else is answered is told', async () => {
    const answers: readonly [HealthFunction, Partial<Verdict>][] = [
      [() => true, { outcome: 'pass', code: 'PROCOK', detail: '' }],
      [() => Promise.resolve(true), { outcome: 'pass', code: 'PROCOK', detail: '' }],
      [() => false, { outcome: 'fail', code: 'PROCERR', detail: 'the function says no' }],
      [
        (() => 1) as unknown as HealthFunction,
        { outcome: 'fail', detail: 'the function answers number, not true' },
      ],
      [
        () => Promise.reject(new Error('lag\n 5 s')),
        { outcome: 'fail', code: 'PROCERR', detail: 'lag  5 s' },
      ],
      [
        () => {
          throw new Error('x'.repeat(500));
        },
        { outcome: 'fail', detail: 'x'.repeat(200) },
      ],
    ];
    for (const [run, expected] of answers) {
      const { ask, settingsOf } = setUp({ app: run });
      const { outcome, code, detail } = await ask(settingsOf('app'));
      assert.deepEqual({ outcome, code, detail }, { outcome, code, detail, ...expected });
    }
  });

  it('is told which backend, by address', async () => {
    const seen: unknown[] = [];
    const { ask, settingsOf } = setUp({ app: (backend) => seen.push(backend) > 0 });
    await ask(settingsOf('app'));
    assert.deepEqual(seen, [TARGET]);
  });

  it('has its time, is told when that is over, and is not called again while it is still at it', async () => {
    let calls = 0;
    let finish: (healthy: boolean) => void = () => undefined;
    let signal: AbortSignal | undefined;
    const { time, ask, settingsOf } = setUp({
      app: (_, ending) => {
        calls += 1;
        signal = ending;
        return new Promise((resolve) => (finish = resolve));
      },
    });
    const settings = settingsOf('app');
    const verdict = ask(settings);
    await time.advance(499);
    assert.equal(signal?.aborted, false);
    await time.advance(2);
    const { outcome, code } = await verdict;
    assert.deepEqual(
      { outcome, code, aborted: signal.aborted },
      { outcome: 'fail', code: 'PROCTOUT', aborted: true },
    );
    assert.match((await ask(settings)).detail, /before this one has not ended/);
    assert.equal(calls, 1);
    finish(true);
    await time.advance(0);
    const again = ask(settings);
    finish(true);
    assert.equal((await again).outcome, 'pass');
    assert.equal(calls, 2);
    assert.equal(time.pending(), 0);
  });

  it('lets go when nobody wants to know any more', async () => {
    let told = false;
    const { ask, settingsOf } = setUp({
      app: (_, ending) => new Promise(() => ending.addEventListener('abort', () => (told = true))),
    });
    const leaving = new AbortController();
    const verdict = ask(settingsOf('app'), leaving.signal);
    await Promise.resolve();
    leaving.abort();
    assert.equal((await verdict).outcome, 'inconclusive');
    assert.ok(told);
  });

  it('one function is one check however many pools have it; other pools keep their probes', async () => {
    const both = (): boolean => true;
    const { asked, ask, settingsOf, checks } = setUp({ one: both, two: both, three: () => true });
    const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => settingsOf(name));
    assert.ok(one && two && three && four);
    assert.equal(one.module, two.module);
    assert.notEqual(one.module, three.module);
    assert.deepEqual([one.check_type, one.interval, one.timeout], ['custom', 1000, 500]);
    assert.deepEqual(four, SETTINGS);
    await ask(one);
    assert.deepEqual(asked, []);
    await ask(four);
    checks.probes.keepModules(new Set(['/a.js', String(one.module)]));
    checks.probes.close();
    assert.deepEqual(asked, ['probe http', 'keep /a.js', 'close']);
  });

  it('an answer is kept for as long as the config says', async () => {
    let calls = 0;
    const { time, ask, settingsOf } = setUp({
      app: () => {
        calls += 1;
        return true;
      },
    });
    const settings = settingsOf('app', { cache: 10_000 });
    await ask(settings);
    await ask(settings);
    assert.equal(calls, 1);
    await time.advance(10_001);
    await ask(settings);
    assert.equal(calls, 2);
  });
});
