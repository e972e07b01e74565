// What `explain` says against what the data plane does: the same picks, offer by offer.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { type ExplainInput, type Explanation, explain } from '#src/explain/explain.js';
import { loadConfigText } from '#src/config/load.js';
import { observeRunning } from '#src/explain/observed.js';
import { createBalancer, type FlatConfig } from '#src/index.js';
import { ask, enter, freePort, type NamedPeer, openNamed, serving, until } from './embed-peers.ts';

async function setUp(t: TestContext, weights: readonly number[], more: Partial<FlatConfig>) {
  const port = await freePort();
  const peers: NamedPeer[] = [];
  for (const [at] of weights.entries()) peers.push(await openNamed(t, `b${at}`));
  const config: FlatConfig = {
    listen: `127.0.0.1:${port}`,
    workers: 1,
    health_checks: { enabled: false },
    drain: { timeout: '1s' },
    backends: peers.map((peer, at) => ({ host: peer.host, port: peer.port, weight: weights[at] ?? 1 })),
    ...more,
  };
  const nameOf = (key: string | undefined): string | undefined => {
    const at = peers.findIndex((peer) => peer.key === key);
    return at < 0 ? undefined : `b${at}`;
  };
  const explained = (client: string, observe?: ExplainInput['observe']): Explanation => {
    const loaded = loadConfigText('test', JSON.stringify(config));
    assert.ok(loaded.ok);
    const result = explain({ config: loaded.config, client, observe });
    assert.ok(result.ok && result.explanations[0]);
    return result.explanations[0];
  };
  return { port, peers, config, nameOf, explained };
}

const clients = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `127.${1 + (n % 7)}.${n % 200}.${1 + Math.floor(n / 3)}`);

describe('explain', () => {
  it('ip_hash: names the very backend of every client, and who takes over from one that refuses', async (t) => {
    const { port, peers, config, nameOf, explained } = await setUp(t, [5, 1, 1, 2, 1, 3], {
      algorithm: 'ip_hash',
    });
    await serving(t, config);
    for (const client of clients(40)) {
      const { certainty, offers } = explained(client);
      assert.equal(certainty, 'exact');
      assert.equal(await ask(port, client), nameOf(offers[0]), client);
    }
    peers[0]?.close();
    peers[3]?.close();
    let tookOver = 0;
    for (const client of clients(40)) {
      const { offers } = explained(client);
      const living = offers.map(nameOf).filter((name) => name !== 'b0' && name !== 'b3');
      assert.equal(await ask(port, client), living[0], client);
      if (nameOf(offers[0]) !== living[0]) tookOver += 1;
    }
    assert.ok(tookOver > 0);
  });

  it('ip_hash: agrees where nearly all are down and the table alone finds nobody', async (t) => {
    const { port, peers, config, nameOf } = await setUp(
      t,
      Array.from({ length: 12 }, () => 1),
      {
        algorithm: 'ip_hash',
        health_checks: { interval: '50ms', timeout: '40ms', unhealthy_threshold: 1, jitter: 0 },
      },
    );
    const living = new Set([peers[2]?.port, peers[9]?.port]);
    const balancer = await serving(t, config, {
      healthChecks: { default: ({ port: at }) => living.has(at) },
    });
    await until(
      'ten are down',
      () => balancer.state().pools[0]?.backends.filter(({ up }) => up).length === 2,
    );
    const loaded = loadConfigText('test', JSON.stringify(config));
    assert.ok(loaded.ok);
    const observe = (_: string, key: string) => ({
      up: [2, 9].some((at) => peers[at]?.key === key),
      sessions: 0,
    });
    // Once the workers know: ten backends make ten changes, which become few snapshots.
    await until('the snapshot is in force', async () => ['b2', 'b9'].includes((await ask(port)) ?? ''));
    const differing: string[] = [];
    for (const client of clients(200)) {
      const result = explain({ config: loaded.config, client, observe });
      assert.ok(result.ok);
      const told = nameOf(result.explanations[0]?.offers[0]);
      const served = await ask(port, client);
      if (served !== told) differing.push(`${client}: ${served}, not ${told}`);
    }
    assert.deepEqual(differing, []);
  });

  for (const algorithm of ['round_robin', 'least_connections', 'least_response_time'] as const) {
    it(`${algorithm}: names the turns of a cold start`, async (t) => {
      const { port, config, nameOf, explained } = await setUp(t, [3, 1, 2], { algorithm });
      await serving(t, config);
      const { certainty, offers, next } = explained('127.0.0.1');
      assert.equal(certainty, 'cold-start');
      // Nobody has answered yet when response times decide: what follows depends on how quick these are.
      const told = [offers[0], ...next].slice(0, algorithm === 'least_response_time' ? 3 : 9).map(nameOf);
      const served: (string | undefined)[] = [];
      for (const _ of told) served.push((await enter(port))?.name);
      assert.deepEqual(served, told);
    });
  }

  it('asks the metrics page of a running balancer who is up and how busy', async (t) => {
    const metricsPort = await freePort();
    const { port, peers, config, explained } = await setUp(t, [1, 1, 1], {
      algorithm: 'least_connections',
      health_checks: { interval: '50ms', timeout: '40ms', unhealthy_threshold: 1, jitter: 0 },
      monitoring: { prometheus: { enabled: true, port: metricsPort } },
    });
    const balancer = createBalancer(config);
    t.after(() => balancer.stop());
    const down = new Promise<void>((resolve) => balancer.on('backend-down', () => resolve()));
    assert.deepEqual(await balancer.start(), { ok: true });
    const url = `http://127.0.0.1:${metricsPort}/metrics`;
    await enter(port);
    peers[2]?.close();
    await down;
    await until('the page tells of the session', async () => {
      const seen = await observeRunning(url);
      return seen.ok && peers.some((peer) => seen.observe('default', peer.key)?.sessions === 1);
    });
    const seen = await observeRunning(url);
    assert.ok(seen.ok);
    const { candidates, excluded, offers } = explained('127.0.0.1', seen.observe);
    assert.deepEqual(
      excluded.map(({ backend, reason }) => [backend, reason]),
      [[peers[2]?.key, 'down']],
    );
    assert.deepEqual(
      candidates.map(({ state, sessions }) => [state, sessions]),
      [
        ['up', 1],
        ['up', 0],
      ],
    );
    assert.equal(offers[0], peers[1]?.key);
  });
});
