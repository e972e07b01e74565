// Who may be picked and why not, for whom a pick is certain, and in which order a session is offered.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Config } from '#src/config/config.js';
import type { Observe } from '#src/explain/candidates.js';
import { explain, type Explanation } from '#src/explain/explain.js';
import { printExplanation } from '#src/explain/print-explain.js';
import { configOf, flat } from './configs.ts';

function one(config: Config, client = '192.0.2.1', observe?: Observe): Explanation {
  const result = explain({ config, client, observe });
  assert.ok(result.ok && result.explanations.length === 1);
  return result.explanations[0] as Explanation;
}

/** Of a balancer in which these (by last number of the address) are down. */
const down =
  (...numbers: readonly number[]): Observe =>
  (_, backend) => ({ up: !numbers.some((n) => backend === `10.0.0.${n}:80`), sessions: 0 });

const reasons = ({ excluded }: Explanation): readonly string[] =>
  excluded.map(({ backend, reason }) => `${backend} ${reason}`);
const names = ({ candidates }: Explanation): readonly string[] => candidates.map(({ backend }) => backend);

describe('candidates', () => {
  const mixed = flat([{ weight: 3 }, {}, { weight: 0 }, { backup: true }]);

  it('primaries that are up; everybody else with a reason', () => {
    const found = one(mixed, '192.0.2.1', down(2));
    assert.equal(found.grounds, 'primaries');
    assert.deepEqual(names(found), ['10.0.0.1:80']);
    assert.deepEqual(reasons(found), [
      '10.0.0.2:80 down',
      '10.0.0.3:80 no-weight',
      '10.0.0.4:80 backup-not-needed',
    ]);
    assert.equal(one(mixed).candidates[0]?.share, 0.75);
  });

  it('backups when no primary is up, nobody when they are down as well', () => {
    const found = one(mixed, '192.0.2.1', down(1, 2));
    assert.deepEqual([found.grounds, ...names(found)], ['backups', '10.0.0.4:80']);
    const none = one(mixed, '192.0.2.1', down(1, 2, 4));
    assert.deepEqual([none.grounds, none.candidates.length, none.offers.length], ['nobody', 0, 0]);
    assert.deepEqual(reasons(none).filter((text) => text.endsWith('down')).length, 3);
    assert.match(printExplanation(none, 'x'), /pick: nobody/);
  });

  it('all primaries in panic', () => {
    const found = one(flat([{}, {}, {}, {}], { panic_threshold: 50 }), '192.0.2.1', down(1, 2, 3));
    assert.equal(found.grounds, 'panic');
    assert.deepEqual(
      found.candidates.map(({ state }) => state),
      ['down-ignored', 'down-ignored', 'down-ignored', 'up'],
    );
    assert.match(printExplanation(found, 'x'), /fewer than 50% are up/);
  });

  it('nobody who is full, as far as was observed', () => {
    const config = flat([{ max_connections: 5 }, {}]);
    const observe: Observe = (_, backend) => ({ up: true, sessions: backend === '10.0.0.1:80' ? 5 : 9 });
    assert.deepEqual(reasons(one(config, '192.0.2.1', observe)), ['10.0.0.1:80 full']);
    assert.deepEqual(reasons(one(config)), []);
  });

  it('whom the running balancer does not know counts as up, and that is said', () => {
    const found = one(flat([{}, {}]), '192.0.2.1', (_, backend) =>
      backend === '10.0.0.1:80' ? { up: true, sessions: 1 } : undefined,
    );
    assert.deepEqual(found.unknown, ['10.0.0.2:80']);
    assert.deepEqual(
      found.candidates.map(({ state }) => state),
      ['up', 'assumed-up'],
    );
    assert.match(printExplanation(found, 'x'), /not known there, counted as up: 10\.0\.0\.2:80/);
  });
});

describe('picks', () => {
  it('are certain for ip_hash, however the client is written', () => {
    const config = flat([{}, {}, {}, {}], { algorithm: 'ip_hash' });
    const picked = one(config, '192.0.2.77');
    assert.equal(picked.certainty, 'exact');
    assert.deepEqual(picked.next, []);
    assert.deepEqual(one(config, '::ffff:192.0.2.77').offers, picked.offers);
    const many = Array.from({ length: 200 }, (_, n) => one(config, `2001:db8::${n.toString(16)}`).offers[0]);
    assert.equal(new Set(many).size, 4);
  });

  it('offer a session to as many as retries allow, nobody twice', () => {
    for (const algorithm of [
      'ip_hash',
      'round_robin',
      'least_connections',
      'random',
      'power_of_two',
      'least_response_time',
    ]) {
      for (const [retries, wanted] of [
        [0, 1],
        [2, 3],
        [7, 5],
      ] as const) {
        const { offers } = one(flat([{}, {}, {}, {}, {}], { algorithm, retries }));
        assert.equal(offers.length, wanted, `${algorithm} ${retries}`);
        assert.equal(new Set(offers).size, wanted);
      }
    }
  });

  it('are turns from a cold start for the others, and chance where it draws', () => {
    const turns = one(flat([{ weight: 2 }, {}], { algorithm: 'round_robin' }));
    assert.equal(turns.certainty, 'cold-start');
    assert.deepEqual([turns.offers[0], ...turns.next].map((key) => key?.[7]).join(''), '121121121');
    const least = one(flat([{}, {}], { algorithm: 'least_connections' }), '192.0.2.1', (_, backend) => ({
      up: true,
      sessions: backend === '10.0.0.1:80' ? 3 : 0,
    }));
    assert.deepEqual([least.offers[0], ...least.next].map((key) => key?.[7]).join(''), '222121212');
    for (const algorithm of ['random', 'power_of_two']) {
      const drawn = one(flat([{}, {}], { algorithm }));
      assert.equal(drawn.certainty, 'by-chance');
      assert.deepEqual(drawn, one(flat([{}, {}], { algorithm })), 'the same question has the same answer');
      assert.match(printExplanation(drawn, undefined), /one course among many/);
    }
    assert.equal(one(flat([{}], { algorithm: 'random' })).certainty, 'exact', 'the only one');
  });
});

describe('explain', () => {
  const backends = [{ host: '10.0.0.1', port: 80 }];
  const config = configOf({
    listeners: { web: { listen: 8080, pool: 'app' }, api: { listen: '[::1]:8081', pool: 'app', retries: 0 } },
    pools: { app: { backends } },
  });

  it('is for every listener, or the one that is asked for', () => {
    const all = explain({ config, client: '192.0.2.1' });
    assert.ok(all.ok);
    assert.deepEqual(
      all.explanations.map(({ listener }) => listener),
      [
        { name: 'web', listen: ['[::]:8080'], retries: 2 },
        { name: 'api', listen: ['[::1]:8081'], retries: 0 },
      ],
    );
    const api = explain({ config, client: '192.0.2.1', listener: 'api' });
    assert.ok(api.ok && api.explanations.length === 1);
  });

  it('refuses what is no address and no listener', () => {
    assert.deepEqual(explain({ config, client: 'example.com' }), {
      ok: false,
      message: "'example.com' is not an IP address",
    });
    assert.deepEqual(explain({ config, client: '192.0.2.1', listener: 'mail' }), {
      ok: false,
      message: "there is no listener 'mail'; there are: web, api",
    });
  });
});
