// The balancer as a part of another program, over the real data plane: life and death, events, changes at run time,
// functions as checks and weights, several at once.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { type BalancerEvent, createBalancer, type FlatConfig, type WeighedBackend } from '#src/index.js';
import { ask, enter, freePort, openNamed, serving, until } from './embed-peers.ts';

const QUIET = { health_checks: { enabled: false }, workers: 1, drain: { timeout: '5s' } } as const;

async function two(t: TestContext, more: Partial<FlatConfig> = {}) {
  const [a, b] = [await openNamed(t, 'a'), await openNamed(t, 'b')];
  const port = await freePort();
  const config: FlatConfig = {
    ...QUIET,
    listen: `127.0.0.1:${port}`,
    backends: [a, b].map(({ host, port: at }) => ({ host, port: at })),
    ...more,
  };
  return { a, b, port, config };
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'embed-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe('life', () => {
  it('serves, counts, drains and tells all of it', async (t) => {
    const { a, b, port, config } = await two(t);
    const balancer = createBalancer(config);
    t.after(() => balancer.stop());
    const told: string[] = [];
    for (const type of ['draining', 'stopped'] as const) balancer.on(type, (event) => told.push(event.type));
    assert.deepEqual(balancer.state(), {
      phase: 'idle',
      generation: 0,
      reloadFailures: 0,
      listeners: [],
      pools: [],
      changes: [],
    });

    assert.deepEqual(await balancer.start(), { ok: true });
    assert.equal(balancer.state().phase, 'serving');
    assert.deepEqual([await ask(port), await ask(port)].sort(), ['a', 'b']);
    const client = await enter(port);
    assert.ok(client);
    const state = balancer.state();
    assert.deepEqual(state.listeners, [
      { name: 'default', listen: [{ host: '127.0.0.1', port }], pool: 'default', sessions: 1 },
    ]);
    assert.deepEqual(
      state.pools[0]?.backends.map((backend) => [backend.backend, backend.up, backend.weight]),
      [
        [a.key, true, 1],
        [b.key, true, 1],
      ],
    );
    const { listeners, backends } = balancer.counters();
    assert.deepEqual(
      listeners.map((each) => [each.listener, each.accepted]),
      [['default', 3n]],
    );
    assert.deepEqual(backends.map((each) => each.backend).sort(), [a.key, b.key].sort());
    assert.equal(
      backends.reduce((sum, each) => sum + each.sessions, 0n),
      3n,
    );

    const drained = balancer.drain();
    assert.equal(balancer.state().phase, 'draining');
    assert.deepEqual(told, ['draining']);
    client.socket.write('still here\n');
    const [echo] = (await once(client.socket, 'data')) as [Buffer];
    assert.equal(echo.toString(), 'still here\n');
    client.socket.end();
    await drained;
    assert.deepEqual(told, ['draining', 'stopped']);
    assert.equal(balancer.state().phase, 'stopped');
    assert.equal(await ask(port), undefined, 'nobody listens any more');
    assert.deepEqual(await balancer.start(), { ok: false, message: 'it is stopped', issues: [] });
  });

  it('stop ends a drain that waits', async (t) => {
    const { port, config } = await two(t, { drain: { timeout: '1h' } });
    const balancer = await serving(t, config);
    const client = await enter(port);
    assert.ok(client);
    const closed = once(client.socket, 'close');
    const drained = balancer.end();
    await balancer.stop();
    await Promise.all([drained, closed]);
    assert.equal(balancer.state().phase, 'stopped');
  });

  it('a start that fails is a value, leaves nothing, and may be tried again', async (t) => {
    const { a, port, config } = await two(t);
    const taken = {
      ...config,
      listen: [`127.0.0.1:${port}`, `127.0.0.1:${a.port}`],
      backends: [{ host: '127.0.0.2', port: a.port }],
    };
    const balancer = createBalancer(taken);
    t.after(() => balancer.stop());
    const failed = await balancer.start();
    assert.ok(!failed.ok);
    assert.match(failed.message, new RegExp(`127\\.0\\.0\\.1:${a.port}: address already in use`));
    assert.equal(balancer.state().phase, 'idle');
    assert.equal(await ask(port), undefined);
    a.close();
    await until('the port is free', async () => (await balancer.start()).ok);
  });

  it('may be ended while it starts, and before, and asked anything afterwards', async (t) => {
    const { port, config } = await two(t);
    const balancer = createBalancer(config);
    const starting = balancer.start();
    assert.ok(!(await balancer.start()).ok, 'it is starting already');
    await balancer.stop();
    assert.ok(!(await starting).ok);
    assert.equal(await ask(port), undefined);
    assert.equal(balancer.state().phase, 'stopped');
    assert.equal(balancer.counters().listeners.length <= 1, true);
    assert.ok(!(await balancer.apply(config)).ok);
    assert.ok(!balancer.setWeight('default', '127.0.0.1:1', 1).ok);
    await Promise.all([balancer.stop(), balancer.drain()]);

    const never = createBalancer(config);
    await never.drain();
    assert.deepEqual(await never.start(), { ok: false, message: 'it is stopped', issues: [] });
  });

  it('several run side by side', async (t) => {
    const [one, other] = [await two(t), await two(t)];
    const [first, second] = [await serving(t, one.config), await serving(t, other.config)];
    assert.notEqual(await ask(one.port), undefined);
    await first.stop();
    assert.equal(await ask(one.port), undefined);
    assert.notEqual(await ask(other.port), undefined);
    assert.equal(second.counters().listeners[0]?.accepted, 1n);
  });
});

describe('what a program hands in', () => {
  it('is judged like a file, with places', async () => {
    const balancer = createBalancer({ listen: 8080, backends: [{ host: '10.0.0.1', port: 80, weight: -1 }] });
    const failed = await balancer.start();
    assert.ok(!failed.ok);
    assert.equal(failed.issues.length, 1);
    const [issue] = failed.issues;
    assert.equal(issue?.file, '(config)');
    assert.match(issue.excerpt, /"weight": -1/);
    assert.match(issue.message, /0 to 65535/);
    assert.ok(failed.message.startsWith(`(config):${issue.line}:${issue.column}: `));
  });

  it('is data: functions, cycles and big numbers in it are problems, not exceptions', async () => {
    const base = { listen: 8080, backends: [{ host: '10.0.0.1', port: 80 }] };
    const cycle: Record<string, unknown> = { ...base };
    cycle['log'] = cycle;
    const bad: readonly [unknown, RegExp][] = [
      [{ ...base, health_checks: { path: () => '/' } }, /'path' is a function/],
      [cycle, /circular/i],
      [{ ...base, retries: 1n }, /BigInt/],
      [undefined, /expected a config/],
      ['/nowhere/at/all.yaml', /does not exist/],
    ];
    for (const [input, message] of bad) {
      const failed = await createBalancer(input as FlatConfig).start();
      assert.ok(!failed.ok);
      assert.match(failed.message, message);
    }
  });

  it('names pools that are there', async () => {
    const balancer = createBalancer(
      { listen: 8080, backends: [{ host: '10.0.0.1', port: 80 }] },
      { healthChecks: { webb: () => true } },
    );
    const failed = await balancer.start();
    assert.ok(!failed.ok);
    assert.match(failed.message, /healthChecks names a pool 'webb'/);
  });
});

describe('apply and reload', () => {
  it('takes a new config whole, with the difference told, or not at all', async (t) => {
    const { a, b, port, config } = await two(t);
    const balancer = await serving(t, config);
    const events: BalancerEvent[] = [];
    balancer.on('reloaded', (event) => events.push(event));
    balancer.on('reload-refused', (event) => events.push(event));

    const refused = await balancer.apply({ ...config, backends: [] });
    assert.ok(!refused.ok);
    assert.match(refused.message, /at least one backend/);
    assert.equal(refused.issues.length, 1);
    assert.deepEqual(await balancer.apply({ ...config, backends: [{ host: b.host, port: b.port }] }), {
      ok: true,
    });
    assert.deepEqual([await ask(port), await ask(port)], ['b', 'b']);
    assert.deepEqual(
      events.map((event) => event.type),
      ['reload-refused', 'reloaded'],
    );
    const last = events[1];
    assert.ok(last?.type === 'reloaded');
    assert.deepEqual(last.diff.pools.changed[0]?.backends.removed, [a.key]);
    assert.equal(last.generation, balancer.state().generation);
    assert.equal(balancer.state().reloadFailures, 1);
    assert.ok(!(await balancer.reload()).ok, 'there is no file');
  });

  it('many at once end with the last', async (t) => {
    const { a, b, port, config } = await two(t);
    const balancer = await serving(t, config);
    const only = (peer: { host: string; port: number }): FlatConfig => ({
      ...config,
      backends: [{ host: peer.host, port: peer.port }],
    });
    const outcomes = await Promise.all([
      balancer.apply(only(a)),
      balancer.apply(only(b)),
      balancer.apply(only(a)),
    ]);
    assert.ok(outcomes.every((outcome) => outcome.ok));
    assert.deepEqual([await ask(port), await ask(port)], ['a', 'a']);
  });

  it('a file is watched when asked for', async (t) => {
    const { a, b, port, config } = await two(t);
    const file = join(folder(t), 'lb.json');
    writeFileSync(file, JSON.stringify(config));
    const balancer = await serving(t, file, { watch: true });
    const reloaded = new Promise<void>((resolve) => balancer.on('reloaded', () => resolve()));
    writeFileSync(file, JSON.stringify({ ...config, backends: [{ host: a.host, port: a.port }] }));
    await reloaded;
    assert.deepEqual([await ask(port), await ask(port)], ['a', 'a']);
    assert.ok(b);
  });
});

describe('changes at run time', () => {
  it('a weight takes force, survives a reload, and gives way to a file that changes it', async (t) => {
    const { a, b, port, config } = await two(t);
    const [at, bt] = config.backends;
    assert.ok(at && bt);
    const balancer = await serving(t, config);
    assert.deepEqual(balancer.setWeight('default', a.key, 0), { ok: true });
    await until('only b serves', async () => (await ask(port)) === 'b' && (await ask(port)) === 'b');
    assert.deepEqual(
      balancer.state().pools[0]?.backends.map(({ weight }) => weight),
      [0, 1],
    );

    const merged: unknown[] = [];
    balancer.on('reloaded', (event) => merged.push(event.merged.map(({ outcome }) => outcome)));
    assert.deepEqual(await balancer.apply({ ...config, retries: 1 }), { ok: true });
    assert.deepEqual([await ask(port), await ask(port)], ['b', 'b'], 'kept over a reload');
    assert.deepEqual(
      await balancer.apply({
        ...config,
        backends: [
          { ...at, weight: 5 },
          { ...bt, weight: 0 },
        ],
      }),
      { ok: true },
    );
    assert.deepEqual([await ask(port), await ask(port)], ['a', 'a'], 'the file has the last word, at once');
    assert.deepEqual(merged, [['kept'], ['overruled']]);
    assert.deepEqual(balancer.state().changes, []);

    for (const [pool, backend, weight] of [
      ['default', a.key, 65536],
      ['default', '10.0.0.9:1', 1],
      ['other', b.key, 1],
    ] as const) {
      assert.equal(balancer.setWeight(pool, backend, weight).ok, false);
    }
  });

  it('a config that is refused costs no change', async (t) => {
    const { a, b, port, config } = await two(t);
    const [at, bt] = config.backends;
    assert.ok(at && bt);
    const balancer = await serving(t, config);
    balancer.setWeight('default', a.key, 0);
    const taken = `127.0.0.1:${b.port}`;
    const refused = await balancer.apply({
      ...config,
      listen: [`127.0.0.1:${port}`, taken],
      backends: [{ ...at, weight: 7 }],
    });
    assert.ok(!refused.ok);
    await until('only b serves', async () => (await ask(port)) === 'b' && (await ask(port)) === 'b');
    assert.equal(balancer.state().changes.length, 1);
  });

  it('held back: sessions stay in a drain and end in maintenance; released it serves again', async (t) => {
    const { a, b, port, config } = await two(t);
    const balancer = await serving(t, config);
    const clients = [await enter(port), await enter(port)];
    const onA = clients.find((client) => client?.name === 'a');
    const onB = clients.find((client) => client?.name === 'b');
    assert.ok(onA && onB);
    assert.deepEqual(balancer.hold('default', a.key), { ok: true });
    await until('only b serves', async () => (await ask(port)) === 'b' && (await ask(port)) === 'b');
    assert.equal(balancer.state().pools[0]?.backends[0]?.hold, 'drain');
    onA.socket.write('x');
    await once(onA.socket, 'data');

    const closed = once(onA.socket, 'close');
    assert.deepEqual(balancer.hold('default', a.key, 'maintenance'), { ok: true });
    await closed;
    onB.socket.write('y');
    await once(onB.socket, 'data');
    onB.socket.destroy();
    assert.deepEqual(balancer.release('default', a.key), { ok: true });
    await until('a serves again', async () => (await ask(port)) === 'a');
    assert.ok(b);
  });
});

describe('functions', () => {
  const FAST = {
    enabled: true,
    interval: '50ms',
    timeout: '40ms',
    unhealthy_threshold: 1,
    healthy_threshold: 1,
  } as const;

  it('a check takes a backend out and brings it back, told as events', async (t) => {
    const { a, b, port, config } = await two(t, { health_checks: FAST });
    let sick: number | undefined = a.port;
    const asked = new Set<string>();
    const balancer = createBalancer(config, {
      healthChecks: {
        default: async (backend) => {
          asked.add(`${backend.host} ${backend.address}:${backend.port}`);
          await Promise.resolve();
          if (backend.port === sick) throw new Error('replica lags');
          return true;
        },
      },
    });
    t.after(() => balancer.stop());
    const down = new Promise<BalancerEvent>((resolve) => balancer.on('backend-down', resolve));
    const up = new Promise<BalancerEvent>((resolve) => balancer.on('backend-up', resolve));
    assert.deepEqual(await balancer.start(), { ok: true });
    assert.deepEqual(await down, {
      type: 'backend-down',
      pool: 'default',
      backend: a.key,
      code: 'PROCERR',
      detail: 'replica lags',
    });
    await until('only b serves', async () => (await ask(port)) === 'b' && (await ask(port)) === 'b');
    sick = undefined;
    assert.equal((await up).type, 'backend-up');
    await until('a serves again', async () => (await ask(port)) === 'a');
    assert.deepEqual([...asked].sort(), [a, b].map(({ key }) => `127.0.0.1 ${key}`).sort());
  });

  it('weights follow what a function computes, and stay when it makes no sense', async (t) => {
    const { a, b, port, config } = await two(t);
    const warnings: string[] = [];
    let answer: (backend: WeighedBackend) => number = ({ port: at }) => (at === a.port ? 0 : 3.4);
    let rounds = 0;
    const seen = new Map<string, WeighedBackend>();
    const balancer = await serving(t, config, {
      log: { info: () => undefined, warn: (message) => void warnings.push(message), error: () => undefined },
      weights: {
        default: {
          everyMs: 10,
          weight(backend) {
            rounds += 1;
            seen.set(backend.backend, backend);
            return answer(backend);
          },
        },
      },
    });
    await until('only b serves', async () => (await ask(port)) === 'b' && (await ask(port)) === 'b');
    assert.deepEqual(
      balancer.state().pools[0]?.backends.map(({ weight }) => weight),
      [0, 3],
    );
    const client = await enter(port);
    await until('the function sees the session', () => seen.get(b.key)?.sessions === 1);
    assert.deepEqual(
      { ...seen.get(a.key) },
      {
        pool: 'default',
        backend: a.key,
        host: a.host,
        port: a.port,
        configured: 1,
        up: true,
        sessions: 0,
        responseMs: undefined,
      },
    );
    client?.socket.destroy();

    for (const senseless of [() => Number.NaN, () => -1, () => 0, () => assert.fail('no idea')]) {
      answer = senseless;
      const before = rounds;
      await until('some rounds pass', () => rounds >= before + 4);
    }
    assert.deepEqual(
      balancer.state().pools[0]?.backends.map(({ weight }) => weight),
      [0, 3],
    );
    assert.equal(warnings.length, 1, 'told once in a row');
    balancer.setWeight('default', a.key, 9);
    assert.deepEqual(
      balancer.state().pools[0]?.backends.map(({ weight }) => weight),
      [9, 3],
      'an operator outranks it',
    );
  });
});
