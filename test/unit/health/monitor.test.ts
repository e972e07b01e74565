// When probes come, what their verdicts lead to, and what a reload keeps. Probes answer by script, time is made.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAwake } from '#src/health/awake.js';
import type {
  HealthCheckSettings,
  Monitor,
  MonitoredPool,
  ProbeTarget,
  Transition,
  Verdict,
} from '#src/health/health.js';
import { createMonitor } from '#src/health/monitor.js';
import { type FakeTime, createFakeTime } from './fake-time.ts';

const good: Verdict = { outcome: 'pass', code: 'L4OK', detail: '' };
const bad: Verdict = { outcome: 'fail', code: 'L4CON', detail: 'connection refused' };
const mute: Verdict = { outcome: 'fail', code: 'L7RSP', detail: 'no answer' };
const lack: Verdict = { outcome: 'inconclusive', code: 'SOCKERR', detail: 'EMFILE' };

const settings: HealthCheckSettings = {
  enabled: true,
  check_type: 'tcp',
  interval: 10_000,
  timeout: 5000,
  unhealthy_threshold: 3,
  healthy_threshold: 2,
  path: '/',
  expected_status: [[200, 399]],
  jitter: 0,
  fast_interval: 1000,
  cache: 0,
};

function pool(
  name: string,
  ports: readonly number[],
  changes: Partial<HealthCheckSettings> = {},
): MonitoredPool {
  return {
    name,
    health_checks: { ...settings, ...changes },
    backends: ports.map((port) => ({
      key: `10.0.0.1:${port}`,
      host: '10.0.0.1',
      port,
      address: '10.0.0.1',
    })),
  };
}

interface Scene {
  readonly time: FakeTime;
  readonly monitor: Monitor;
  /** When which port was probed, in milliseconds from the beginning. */
  readonly probes: { readonly port: number; readonly address: string; readonly at: number }[];
  readonly told: string[];
  readonly lacks: string[];
  answer: (target: ProbeTarget, signal: AbortSignal) => Verdict | Promise<Verdict>;
  readonly modules: ReadonlySet<string>[];
  closed: boolean;
}

function scene(random: () => number = () => 0.5, signal?: AbortSignal): Scene {
  const time = createFakeTime();
  const begin = time.now();
  const told: string[] = [];
  const lacks: string[] = [];
  const word = ({ pool: name, backend, code }: Omit<Transition, 'up'>): string =>
    `${name} ${backend} ${code}`;
  const made: Scene = {
    time,
    probes: [],
    told,
    lacks,
    modules: [],
    closed: false,
    answer: () => good,
    monitor: createMonitor({
      time,
      random,
      awake: createAwake(time),
      onTransition: (transition) => told.push(`${word(transition)} ${transition.up ? 'up' : 'down'}`),
      onInconclusive: (event) => lacks.push(word(event)),
      ...(signal === undefined ? {} : { signal }),
      probes: {
        probeFor: () => async (target, abort) => {
          made.probes.push({ port: target.port, address: target.address, at: time.now() - begin });
          return made.answer(target, abort);
        },
        keepModules: (files) => made.modules.push(files),
        close: () => (made.closed = true),
      },
    }),
  };
  return made;
}

const moments = ({ probes }: Scene, port?: number): number[] =>
  probes.filter((probe) => port === undefined || probe.port === port).map((probe) => probe.at);

describe('when probes come', () => {
  it('spreads the first ones over a second, then keeps the interval', async () => {
    const s = scene();
    s.monitor.update([pool('web', [1, 2, 3, 4])]);
    await s.time.advance(25_000);
    assert.deepEqual(moments(s, 1), [0, 10_000, 20_000]);
    assert.deepEqual(moments(s, 2), [250, 10_250, 20_250]);
    assert.deepEqual(moments(s, 4), [750, 10_750, 20_750]);
  });

  it('spreads them over the interval when that is shorter', async () => {
    const s = scene();
    s.monitor.update([pool('web', [1, 2], { interval: 200, fast_interval: 200 })]);
    await s.time.advance(450);
    assert.deepEqual(moments(s, 1), [0, 200, 400]);
    assert.deepEqual(moments(s, 2), [100, 300]);
  });

  it('hurries while a change is under way, both ways', async () => {
    const s = scene();
    const answers = [good, bad, good, bad, bad, bad, bad, good, good, good];
    s.answer = () => answers.shift() ?? good;
    s.monitor.update([pool('web', [1])]);
    await s.time.advance(65_000);
    assert.deepEqual(
      moments(s),
      [0, 10_000, 11_000, 21_000, 22_000, 23_000, 33_000, 43_000, 44_000, 54_000, 64_000],
    );
    assert.deepEqual(s.told, ['web 10.0.0.1:1 L4CON down', 'web 10.0.0.1:1 L4OK up']);
  });

  it('counts the interval from the beginning of a probe, and never has two under way', async () => {
    const s = scene();
    let under = 0;
    let most = 0;
    const durations = [400, 2500, 100];
    s.answer = async () => {
      most = Math.max(most, (under += 1));
      const wait = durations.shift() ?? 0;
      await new Promise<void>((resolve) => s.time.after(wait, resolve));
      under -= 1;
      return good;
    };
    s.monitor.update([pool('web', [1], { interval: 1000 })]);
    await s.time.advance(5000);
    assert.deepEqual(moments(s), [0, 1000, 3500, 4500]);
    assert.equal(most, 1);
  });

  it('varies intervals of a second and more by the jitter, shorter ones not at all', async () => {
    for (const [random, interval, second] of [
      [0, 2000, 1800],
      [0.9999, 2000, 2200],
      [0, 900, 900],
    ] as const) {
      const s = scene(() => random);
      s.monitor.update([pool('web', [1], { interval, jitter: 10 })]);
      await s.time.advance(interval * 1.2);
      assert.equal(Math.round(moments(s)[1] ?? 0), second);
    }
  });

  it('has a bounded number under way, and the others follow', async () => {
    const s = scene();
    let under = 0;
    let most = 0;
    s.answer = async () => {
      most = Math.max(most, (under += 1));
      await new Promise<void>((resolve) => s.time.after(3000, resolve));
      under -= 1;
      return good;
    };
    s.monitor.update([
      pool(
        'web',
        Array.from({ length: 300 }, (_, n) => n + 1),
      ),
    ]);
    await s.time.advance(9500);
    assert.equal(most, 128);
    assert.equal(new Set(s.probes.map((probe) => probe.port)).size, 300);
  });
});

describe('what verdicts lead to', () => {
  it('is in rotation from the start, until so many failures in a row', async () => {
    const s = scene();
    s.answer = () => bad;
    s.monitor.update([pool('web', [1])]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    await s.time.advance(1500);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    await s.time.advance(1000);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    assert.deepEqual(s.told, ['web 10.0.0.1:1 L4CON down']);
    assert.equal(s.monitor.isUp('web', 'nobody'), false);
  });

  it('lists what is known', async () => {
    const s = scene();
    s.answer = ({ port }) => (port === 2 ? bad : good);
    s.monitor.update([pool('web', [1, 2], { unhealthy_threshold: 1 }), pool('off', [3], { enabled: false })]);
    await s.time.advance(1000);
    const [one, two, three] = s.monitor.list();
    assert.deepEqual(one, {
      pool: 'web',
      backend: '10.0.0.1:1',
      up: true,
      code: 'L4OK',
      detail: '',
      lastDurationMs: 0,
      lastAgeMs: 1000,
      forMs: 1000,
      rising: 0,
      falling: 0,
      probes: 1,
      failures: 0,
      inconclusive: 0,
      transitions: 0,
    });
    assert.deepEqual(
      [two?.up, two?.code, two?.detail, two?.transitions, two?.forMs],
      [false, 'L4CON', 'connection refused', 1, 500],
    );
    assert.deepEqual([three?.up, three?.code, three?.probes], [true, 'OFF', 0]);
  });

  it('does not count what could not be asked, says so once, and asks again soon', async () => {
    const s = scene();
    const answers = [bad, bad, lack, lack, lack, bad];
    s.answer = () => answers.shift() ?? good;
    s.monitor.update([pool('web', [1])]);
    await s.time.advance(4500);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.deepEqual(s.lacks, ['web 10.0.0.1:1 SOCKERR']);
    await s.time.advance(1000);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    assert.deepEqual(moments(s), [0, 1000, 2000, 3000, 4000, 5000]);
  });

  it('counts an answer that was kept once', async () => {
    const s = scene();
    s.answer = () => ({ ...bad, askedAt: 1 });
    s.monitor.update([pool('web', [1], { interval: 1000, unhealthy_threshold: 2 })]);
    await s.time.advance(10_500);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.equal(s.monitor.list()[0]?.failures, 1);
    s.answer = () => ({ ...bad, askedAt: 2 });
    await s.time.advance(1000);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
  });

  it('repeats a probe that failed while this process slept, twice at most', async () => {
    const s = scene();
    let naps = 1;
    s.answer = () => {
      if (naps-- > 0) s.time.freeze(2000);
      return mute;
    };
    s.monitor.update([pool('web', [1], { unhealthy_threshold: 1 })]);
    await s.time.advance(50);
    assert.equal(s.probes.length, 2, 'asked again at once');
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false, 'and the second answer is believed');

    const late = scene();
    late.answer = () => {
      late.time.freeze(2000);
      return mute;
    };
    late.monitor.update([pool('web', [1], { unhealthy_threshold: 1 })]);
    await late.time.advance(50);
    assert.equal(late.probes.length, 3);
    assert.equal(
      late.monitor.isUp('web', '10.0.0.1:1'),
      false,
      'a process that is always late finds the dead too',
    );

    const refused = scene();
    refused.answer = () => {
      refused.time.freeze(2000);
      return bad;
    };
    refused.monitor.update([pool('web', [1], { unhealthy_threshold: 1 })]);
    await refused.time.advance(50);
    assert.equal(refused.probes.length, 1, 'a refusal is one whoever slept');
    assert.equal(refused.monitor.isUp('web', '10.0.0.1:1'), false);
  });
});

describe('passiveFailure', () => {
  it('has the backend probed at once, and one failure is enough then', async () => {
    const s = scene();
    s.monitor.update([pool('web', [1])]);
    await s.time.advance(5000);
    s.answer = () => bad;
    s.monitor.passiveFailure('web', '10.0.0.1:1', 3);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.equal(s.monitor.list()[0]?.code, 'PASSIVE');
    await s.time.advance(10);
    assert.deepEqual(moments(s), [0, 5000]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
  });

  it('means nothing when the probe succeeds, and does not make probes a storm', async () => {
    const s = scene();
    s.monitor.update([pool('web', [1])]);
    await s.time.advance(5000);
    for (let n = 0; n < 100; n += 1) {
      s.monitor.passiveFailure('web', '10.0.0.1:1', 3);
      await s.time.advance(10);
    }
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.deepEqual(moments(s), [0, 5000, 5200, 5400, 5600, 5800, 6000]);
    assert.deepEqual(s.told, []);
  });

  it('is nothing where checks are off, or for whom nobody knows', async () => {
    const s = scene();
    s.monitor.update([pool('web', [1], { enabled: false })]);
    s.monitor.passiveFailure('web', '10.0.0.1:1', 99);
    s.monitor.passiveFailure('web', 'nobody', 99);
    s.monitor.passiveFailure('nowhere', '10.0.0.1:1', 99);
    await s.time.advance(30_000);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.deepEqual(s.probes, []);
  });
});

describe('pools that ask the same', () => {
  it('share one check, and each is told', async () => {
    const s = scene();
    s.answer = () => bad;
    s.monitor.update([pool('web', [1]), pool('api', [1]), pool('own', [1], { interval: 20_000 })]);
    await s.time.advance(900);
    assert.equal(s.probes.length, 2);
    await s.time.advance(2000);
    assert.deepEqual(s.told.slice(0, 2), ['web 10.0.0.1:1 L4CON down', 'api 10.0.0.1:1 L4CON down']);
    s.monitor.passiveFailure('api', '10.0.0.1:1', 3);
  });
});

describe('update', () => {
  it('keeps what is known when nothing or something else changes', async () => {
    const s = scene();
    s.answer = ({ port }) => (port === 1 ? bad : good);
    s.monitor.update([pool('web', [1, 2])]);
    await s.time.advance(4000);
    s.monitor.update([pool('web', [1, 2])]);
    s.monitor.update([pool('other', [9]), pool('web', [3, 1])]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:2'), false, 'no longer watched');
    assert.equal(s.monitor.isUp('web', '10.0.0.1:3'), true);
    assert.equal(s.told.length, 1);
    const before = moments(s, 1).length;
    await s.time.advance(10_000);
    assert.equal(moments(s, 1).length, before + 1, 'its probes go on as they were');
    assert.equal(moments(s, 2).length, 1, 'those of one that is gone do not');
  });

  it('keeps it with other settings as well, and the new ones hold from then on', async () => {
    const s = scene();
    s.answer = () => bad;
    s.monitor.update([pool('web', [1], { unhealthy_threshold: 1 })]);
    await s.time.advance(100);
    s.monitor.update([pool('web', [1], { interval: 2000, check_type: 'http' })]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    s.answer = () => good;
    await s.time.advance(1500);
    assert.deepEqual(s.told, ['web 10.0.0.1:1 L4CON down', 'web 10.0.0.1:1 L4OK up']);
    assert.equal(s.monitor.list()[0]?.transitions, 2);
  });

  it('forgets nothing when the next one takes it back', async () => {
    const s = scene();
    s.answer = () => bad;
    s.monitor.update([pool('web', [1, 2], { unhealthy_threshold: 1 })]);
    await s.time.advance(1000);
    s.monitor.update([pool('web', [2], { unhealthy_threshold: 1 })]);
    s.monitor.update([pool('web', [1, 2], { unhealthy_threshold: 1 })]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    assert.deepEqual(
      s.monitor.list().map(({ transitions, forMs }) => [transitions, forMs]),
      [
        [1, 1000],
        [1, 500],
      ],
    );
    s.monitor.update([pool('web', [2], { unhealthy_threshold: 1 })]);
    s.monitor.update([pool('web', [2], { unhealthy_threshold: 1 })]);
    s.monitor.update([pool('web', [1, 2], { unhealthy_threshold: 1 })]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true, 'later it is a new one');
    assert.equal(s.told.length, 2);
  });

  it('takes a backend for up when its checks are switched off', async () => {
    const s = scene();
    s.answer = () => bad;
    s.monitor.update([pool('web', [1], { unhealthy_threshold: 1 })]);
    await s.time.advance(100);
    s.monitor.update([pool('web', [1], { enabled: false })]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
    assert.deepEqual(s.told, ['web 10.0.0.1:1 L4CON down', 'web 10.0.0.1:1 OFF up']);
  });

  it('drops the verdict of a probe that was under way to an old address', async () => {
    const s = scene();
    const aborted: string[] = [];
    s.answer = ({ address }, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.push(address);
          resolve(bad);
        });
        if (address !== '10.0.0.1') resolve(good);
      });
    const one = pool('web', [1], { unhealthy_threshold: 1 });
    s.monitor.update([one]);
    await s.time.advance(100);
    s.monitor.update([{ ...one, backends: one.backends.map((b) => ({ ...b, address: '10.0.0.2' })) }]);
    await s.time.advance(100);
    assert.deepEqual(aborted, ['10.0.0.1']);
    assert.deepEqual(
      s.probes.map((probe) => probe.address),
      ['10.0.0.1', '10.0.0.2'],
    );
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), true);
  });

  it('names the modules that are in use', () => {
    const s = scene();
    s.monitor.update([
      pool('web', [1], { check_type: 'custom', module: '/check.mjs' }),
      pool('off', [1], { check_type: 'custom', module: '/off.mjs', enabled: false }),
      pool('tcp', [1], { module: '/unused.mjs' }),
    ]);
    assert.deepEqual([...(s.modules[0] ?? [])], ['/check.mjs']);
  });
});

describe('a backend whose name does not resolve', () => {
  const unresolved = (changes: Partial<HealthCheckSettings> = {}): MonitoredPool => {
    const made = pool('web', [1], changes);
    return { ...made, backends: made.backends.map((backend) => ({ ...backend, address: undefined })) };
  };

  it('is down and not probed, and has to earn its place when it resolves', async () => {
    const s = scene();
    s.monitor.update([unresolved()]);
    await s.time.advance(30_000);
    assert.deepEqual([s.probes.length, s.monitor.isUp('web', '10.0.0.1:1')], [0, false]);
    assert.equal(s.monitor.list()[0]?.code, 'DNS');
    s.monitor.update([pool('web', [1])]);
    await s.time.advance(500);
    assert.deepEqual([s.probes.length, s.monitor.isUp('web', '10.0.0.1:1')], [1, false]);
    await s.time.advance(1000);
    assert.deepEqual(s.told, ['web 10.0.0.1:1 L4OK up']);
  });

  it('is up as soon as it resolves where checks are off', () => {
    const s = scene();
    s.monitor.update([unresolved({ enabled: false })]);
    assert.equal(s.monitor.isUp('web', '10.0.0.1:1'), false);
    s.monitor.update([pool('web', [1], { enabled: false })]);
    assert.deepEqual(s.told, ['web 10.0.0.1:1 OFF up']);
  });
});

describe('stop', () => {
  it('ends every probe and timer, and nothing is told any more', async () => {
    const s = scene();
    const aborted: number[] = [];
    s.answer = ({ port }, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.push(port);
          resolve(bad);
        });
      });
    s.monitor.update([
      pool(
        'web',
        Array.from({ length: 200 }, (_, n) => n + 1),
        { unhealthy_threshold: 1 },
      ),
    ]);
    await s.time.advance(2000);
    assert.equal(s.probes.length, 128);
    s.monitor.stop();
    s.monitor.stop();
    await s.time.advance(60_000);
    assert.equal(aborted.length, 128);
    assert.equal(s.probes.length, 128, 'those that waited do not begin');
    assert.deepEqual(s.told, []);
    assert.equal(s.closed, true);
    assert.equal(s.time.pending(), 0);
    s.monitor.update([pool('web', [7])]);
    await s.time.advance(1000);
    assert.equal(s.probes.length, 128);
  });

  it('follows the signal', async () => {
    const ending = new AbortController();
    const s = scene(undefined, ending.signal);
    s.monitor.update([pool('web', [1])]);
    ending.abort();
    await s.time.advance(1000);
    assert.deepEqual([s.probes.length, s.closed], [0, true]);
  });
});
