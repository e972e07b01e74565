// Names over time: lifetimes, changes, outages, and never more questions than needed. Sources answer by script.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Discovery, type DnsSettings, createDiscovery } from '#src/discovery/dns.js';
import type { SourceAnswer } from '#src/discovery/resolve.js';
import { type FakeTime, createFakeTime } from '../health/fake-time.ts';

const settings: DnsSettings = { min_ttl: 5000, max_ttl: 300_000, timeout: 5000 };
const nxdomain: SourceAnswer = { kind: 'none', reason: 'ENOTFOUND' };
const servfail: SourceAnswer = { kind: 'failed', reason: 'ESERVFAIL', timedOut: false };
const silence: SourceAnswer = { kind: 'failed', reason: 'ETIMEOUT', timedOut: true };

function found(ttlSeconds: number, ...addresses: string[]): SourceAnswer {
  return { kind: 'found', records: addresses.map((address) => ({ address, ttlMs: ttlSeconds * 1000 })) };
}

interface Scene {
  readonly time: FakeTime;
  readonly discovery: Discovery;
  readonly events: string[];
  /** When which name was asked for (IPv4 only), in milliseconds from the beginning. */
  readonly asked: { readonly name: string; readonly at: number }[];
  answer: (name: string, signal: AbortSignal) => SourceAnswer | Promise<SourceAnswer>;
}

function scene(random: () => number = () => 0, signal?: AbortSignal): Scene {
  const time = createFakeTime();
  const begin = time.now();
  const events: string[] = [];
  const made: Scene = {
    time,
    events,
    asked: [],
    answer: () => found(60, '192.0.2.1'),
    discovery: createDiscovery({
      settings,
      time,
      random,
      ...(signal === undefined ? {} : { signal }),
      sources: {
        hosts: () => Promise.resolve([]),
        dns: async (name, family, abort) => {
          if (family === 6) return nxdomain;
          made.asked.push({ name, at: time.now() - begin });
          return made.answer(name, abort);
        },
        lookup: () => Promise.resolve(nxdomain),
      },
      onEvent(event) {
        switch (event.type) {
          case 'changed':
            return void events.push(`${event.name} ${event.previous ?? 'nothing'} -> ${event.address}`);
          case 'failed':
            return void events.push(`${event.name} failed ${event.reason}`);
          case 'recovered':
            return void events.push(`${event.name} recovered after ${event.afterMs}`);
        }
      },
    }),
  };
  return made;
}

const moments = ({ asked }: Scene): number[] => asked.map(({ at }) => at);

describe('following a name', () => {
  it('asks again when the answer has lived, within the bounds', async () => {
    for (const [ttl, wait] of [
      [60, 60_000],
      [0, 5000],
      [1_000_000, 300_000],
    ] as const) {
      const s = scene();
      s.answer = () => found(ttl, '192.0.2.1');
      s.discovery.follow(['a.example']);
      await s.time.advance(2.5 * wait);
      assert.deepEqual(moments(s), [0, wait, 2 * wait]);
      assert.deepEqual(s.events, ['a.example nothing -> 192.0.2.1']);
    }
  });

  it('varies the wait, upwards only', async () => {
    const s = scene(() => 0.9999);
    s.discovery.follow(['a.example']);
    await s.time.advance(70_000);
    assert.deepEqual(moments(s).map(Math.round), [0, 65_999]);
  });

  it('tells a change, and does not change while answers only rotate', async () => {
    const s = scene();
    const answers = [
      found(5, '192.0.2.1', '192.0.2.2'),
      found(5, '192.0.2.2', '192.0.2.1'),
      found(5, '192.0.2.2'),
      found(5, '192.0.2.1', '192.0.2.2'),
    ];
    s.answer = () => answers.shift() ?? nxdomain;
    s.discovery.follow(['a.example']);
    await s.time.advance(16_000);
    assert.deepEqual(s.events, ['a.example nothing -> 192.0.2.1', 'a.example 192.0.2.1 -> 192.0.2.2']);
    assert.equal(s.discovery.addressOf('a.example'), '192.0.2.2');
  });

  it('asks once for all who use a name, and not at all for numbers', async () => {
    const s = scene();
    s.discovery.follow(['a.example', '127.0.0.1', 'a.example', '::1']);
    s.discovery.follow(['127.0.0.1', 'a.example']);
    await s.time.advance(1000);
    assert.equal(s.asked.length, 1);
    assert.equal(s.discovery.addressOf('127.0.0.1'), '127.0.0.1');
    assert.equal(s.discovery.addressOf('::1'), '::1');
    assert.deepEqual(
      s.discovery.list().map(({ name }) => name),
      ['a.example'],
    );
  });

  it('asks a bounded number at once', async () => {
    const s = scene();
    let under = 0;
    let most = 0;
    s.answer = async () => {
      most = Math.max(most, (under += 1));
      await new Promise<void>((resolve) => s.time.after(100, resolve));
      under -= 1;
      return found(60, '192.0.2.1');
    };
    s.discovery.follow(Array.from({ length: 200 }, (_, n) => `n${n}.example`));
    await s.time.advance(2000);
    assert.equal(most, 32);
    assert.equal(s.events.length, 200);
  });
});

describe('an outage', () => {
  for (const [what, answer] of [
    ['no such name', nxdomain],
    ['a failing server', servfail],
    ['silence', silence],
    ['an empty answer', { kind: 'found', records: [] } satisfies SourceAnswer],
    ['garbage', found(60, 'garbage', '0.0.0.0')],
  ] as const) {
    it(`keeps the last address for ever: ${what}`, async () => {
      const s = scene();
      s.discovery.follow(['a.example']);
      await s.time.advance(1000);
      s.answer = () => answer;
      await s.time.advance(3_600_000);
      assert.equal(s.discovery.addressOf('a.example'), '192.0.2.1');
      assert.equal(s.events.length, 2, s.events.join(', '));
      const [state] = s.discovery.list();
      assert.ok((state?.staleMs ?? 0) > 3_500_000 && (state?.failures ?? 0) > 100);
      assert.ok(s.asked.length < 200, `${s.asked.length} questions`);
      s.answer = () => found(60, '192.0.2.1');
      await s.time.advance(35_000);
      assert.match(s.events.at(-1) ?? '', /^a\.example recovered after \d+$/);
      assert.deepEqual(
        s.discovery.list().map(({ staleMs, failures, reason }) => [staleMs, failures, reason]),
        [[0, 0, '']],
      );
    });
  }

  it('is met with waits that grow, never under a second', async () => {
    const s = scene();
    s.answer = () => servfail;
    s.discovery.follow(['a.example']);
    await s.time.advance(100_000);
    assert.deepEqual(moments(s), [0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000]);
  });

  it('does not wait longer than a resolution may take', async () => {
    const s = scene();
    s.answer = (_name, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(silence)));
    s.discovery.follow(['a.example']);
    await s.time.advance(5500);
    assert.deepEqual(s.events, ['a.example failed ETIMEOUT']);
  });
});

describe('resolveAll', () => {
  it('answers when every name has an outcome', async () => {
    const s = scene();
    s.answer = (name) => (name === 'bad.example' ? nxdomain : found(60, '192.0.2.1'));
    const resolved = await s.discovery.resolveAll(['a.example', '10.0.0.1', 'bad.example'], 60_000);
    assert.deepEqual(
      [...resolved.addresses],
      [
        ['a.example', '192.0.2.1'],
        ['10.0.0.1', '10.0.0.1'],
      ],
    );
    assert.deepEqual([...resolved.failures], [['bad.example', 'ENOTFOUND']]);
    s.answer = () => found(60, '192.0.2.9');
    await s.time.advance(1500);
    assert.equal(s.discovery.addressOf('bad.example'), '192.0.2.9', 'it is tried on');
  });

  it('answers when the time is over, with what there is', async () => {
    const s = scene();
    s.answer = (name) => (name === 'slow.example' ? new Promise(() => undefined) : found(60, '192.0.2.1'));
    const asked = s.discovery.resolveAll(['a.example', 'slow.example'], 2000);
    await s.time.advance(2000);
    const { addresses, failures } = await asked;
    assert.deepEqual([...addresses.keys()], ['a.example']);
    assert.deepEqual([...failures], [['slow.example', 'no answer in time']]);
  });

  it('answers at once for names that are known, stale or not, and for none', async () => {
    const s = scene();
    await s.discovery.resolveAll(['a.example'], 1000);
    s.answer = () => servfail;
    await s.time.advance(70_000);
    const { addresses } = await s.discovery.resolveAll(['a.example'], 1000);
    assert.equal(addresses.get('a.example'), '192.0.2.1');
    assert.equal((await s.discovery.resolveAll([], 1000)).addresses.size, 0);
  });

  it('adds names; follow decides which stay', async () => {
    const s = scene();
    s.discovery.follow(['a.example']);
    await s.discovery.resolveAll(['b.example'], 1000);
    assert.equal(s.discovery.list().length, 2);
    s.discovery.follow(['b.example'], { ...settings, min_ttl: 120_000 });
    assert.equal(s.discovery.addressOf('a.example'), undefined);
    await s.time.advance(200_000);
    assert.deepEqual(
      s.asked.filter(({ name }) => name === 'b.example').map(({ at }) => at),
      [0, 60_000, 180_000],
    );
    assert.equal(s.asked.filter(({ name }) => name === 'a.example').length, 1);
  });
});

describe('stop', () => {
  it('ends questions, timers and events, and lets go of who waits', async () => {
    const ending = new AbortController();
    const s = scene(undefined, ending.signal);
    let aborted = false;
    s.answer = (_name, signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve(found(60, '192.0.2.1'));
        }),
      );
    const asked = s.discovery.resolveAll(['a.example'], 60_000);
    await s.time.advance(10);
    ending.abort();
    assert.equal((await asked).failures.size, 1);
    await s.time.advance(1000);
    assert.deepEqual([aborted, s.events.length, s.time.pending()], [true, 0, 0]);
    s.discovery.follow(['b.example']);
    s.discovery.stop();
    await s.time.advance(1000);
    assert.equal(s.asked.length, 1);
  });
});
