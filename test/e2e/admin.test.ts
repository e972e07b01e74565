// The admin interface over a balancer that relays: ctl's verbs by its own client, seen by clients of the balancer.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { createBalancerOperations } from '#src/admin/balancer-operations.js';
import { type AdminClient, createAdminClient } from '#src/admin/client.js';
import type { SessionList, StateView } from '#src/admin/operations.js';
import { sessionListSchema, stateSchema } from '#src/admin/schemas.js';
import { startAdminServer } from '#src/admin/server.js';
import { type Balancer, createBalancer } from '#src/balancer.js';
import { loadConfigText } from '#src/config/load.js';
import { createDiscovery } from '#src/discovery/dns.js';
import { createSystemSources } from '#src/discovery/sources.js';
import { createDrainKeeper } from '#src/drain/keeper.js';
import { loadBinding } from '#src/engine/load.js';
import { createNativeEngine } from '#src/engine/native.js';
import { createMonitor } from '#src/health/monitor.js';
import { systemTime } from '#src/health/time.js';
import { createLog } from '#src/log.js';
import { createOverrideStore } from '#src/overrides.js';
import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { type Backend, connect, echo, listen, type Peer } from '../helpers/tcp-script.ts';

interface Running {
  readonly admin: AdminClient;
  readonly a: Backend;
  readonly b: Backend;
  client(): Promise<Peer>;
  state(): Promise<StateView>;
  sessions(query?: string): Promise<SessionList>;
  /** Where new sessions go. */
  spread(count: number): Promise<Record<string, number>>;
}

async function start(t: TestContext): Promise<Running> {
  const loadedBinding = loadBinding();
  assert.ok(loadedBinding.ok, loadedBinding.ok ? '' : loadedBinding.message);
  const { binding } = loadedBinding;
  const folder = mkdtempSync(join(tmpdir(), 'admin-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [a, b] = [(await listen()).serve(echo), (await listen()).serve(echo)];
  for (const backend of [a, b]) t.after(() => backend.close());
  const port = await freePort();
  const text = JSON.stringify({
    listen: `127.0.0.1:${port}`,
    workers: 1,
    backends: [a, b].map(({ host, port: at }) => ({ host, port: at })),
    health_checks: { enabled: false },
    drain: { timeout: 1 },
  });
  const load = () => loadConfigText('admin-test.yaml', text);
  const first = load();
  assert.ok(first.ok);
  const log = createLog({ level: 'info', format: 'json', file: join(folder, 'log') });
  const store = createOverrideStore({ config: () => balancer.config(), touch: () => balancer.touch() });
  const balancer: Balancer = createBalancer(first.config, {
    createEngine: (onEvents) =>
      createNativeEngine(binding, (events) => {
        onEvents(events);
        keeper.onEvents(events);
      }),
    maxWorkers: binding.maxWorkers,
    cpus: [0],
    createDiscovery: (config, onEvent) =>
      createDiscovery({ settings: config.dns, sources: createSystemSources(), time: systemTime, onEvent }),
    createMonitor: (onTransition) => createMonitor({ onTransition }),
    reload: load,
    log,
    overrides: (wanted) => ({ ...store.for(wanted), isListenerHeld: keeper.holds.isHeld }),
    onApplied: (before, after) => keeper.onConfig(before, after),
  });
  const keeper = createDrainKeeper({ core: () => balancer, store, log, time: systemTime });
  assert.deepEqual(await balancer.start(), { ok: true });
  t.after(async () => {
    const ended = balancer.end();
    void balancer.end();
    await ended;
    keeper.close();
    await log.flush();
  });
  const operations = createBalancerOperations({
    balancer,
    store,
    keeper,
    log,
    version: '1.2.3',
    change: (make) => balancer.change(make),
  });
  const path = join(folder, 'admin.sock');
  const started = await startAdminServer({ kind: 'socket', path }, operations, '1.2.3');
  assert.ok(started.ok, started.ok ? '' : started.message);
  t.after(() => started.server.close());

  const admin = createAdminClient({ kind: 'socket', path });
  const get = async (at: string): Promise<unknown> => {
    const answer = await admin.get(at);
    assert.ok(answer.ok, answer.ok ? '' : answer.message);
    return answer.body;
  };
  const client = async (): Promise<Peer> => {
    const peer = await connect(port);
    t.after(() => peer.rst());
    await peer.send('hello');
    await peer.expect('hello');
    return peer;
  };
  const state = async (): Promise<StateView> => stateSchema.parse(await get('/v1/state'));
  return {
    admin,
    a,
    b,
    client,
    state,
    sessions: async (query = '') => sessionListSchema.parse(await get(`/v1/sessions${query}`)),
    async spread(count) {
      const opened = async (): Promise<Map<string, number>> => {
        const backends = (await state()).pools[0]?.backends ?? [];
        return new Map(backends.map(({ backend, sessions_opened: sessions }) => [backend, sessions]));
      };
      const before = await opened();
      for (let n = 0; n < count; n += 1) (await client()).fin();
      const after = await opened();
      return Object.fromEntries(
        [...after].map(([backend, sessions]) => [backend, sessions - (before.get(backend) ?? 0)]),
      );
    },
  };
}

function pathOf(backend: Backend): string {
  return `/v1/pools/default/backends/${encodeURIComponent(backend.key)}`;
}

async function done(answer: ReturnType<AdminClient['post']>): Promise<void> {
  const told = await answer;
  assert.ok(told.ok, told.ok ? '' : told.message);
}

/** New snapshots reach workers a moment later. */
async function untilSpread(
  lb: Running,
  what: string,
  wanted: (spread: Record<string, number>) => boolean,
): Promise<void> {
  await until(async () => wanted(await lb.spread(4)), what);
}

test('the state and the list of sessions are what clients did', async (t) => {
  const lb = await start(t);
  const one = await lb.client();
  const list = await lb.sessions();
  assert.equal(list.sessions.length, 1);
  const [session] = list.sessions;
  assert.equal(session?.client, '127.0.0.1');
  assert.deepEqual([session?.listener, session?.pool, session?.turns], ['default', 'default', 1]);
  assert.deepEqual([session?.to_backend_bytes, session?.to_client_bytes], [5, 5]);
  const state = await lb.state();
  assert.deepEqual([state.listeners[0]?.sessions, state.listeners[0]?.accepted, state.ready], [1, 1, true]);
  one.fin();
  await until(async () => (await lb.state()).listeners[0]?.closed['finished'] === 1, 'it has ended in order');
});

test('a session is ended by its id', async (t) => {
  const lb = await start(t);
  const one = await lb.client();
  const [session] = (await lb.sessions()).sessions;
  const two = await lb.client();
  await done(lb.admin.delete(`/v1/sessions/${session?.id}`));
  await one.ends();
  await two.send('still here');
  await two.expect('still here');
  await until(async () => (await lb.state()).listeners[0]?.closed['killed'] === 1, 'it is counted as killed');
});

test('drain keeps sessions and brings no more; ready brings them back', async (t) => {
  const lb = await start(t);
  const open = [await lb.client(), await lb.client()];
  await done(lb.admin.post(`${pathOf(lb.a)}/drain`));
  await untilSpread(lb, 'all go to the other', (spread) => spread[lb.a.key] === 0 && spread[lb.b.key] === 4);
  for (const client of open) {
    await client.send('on');
    await client.expect('on');
  }
  assert.equal((await lb.state()).pools[0]?.backends[0]?.hold, 'drain');
  await done(lb.admin.post(`${pathOf(lb.a)}/ready`));
  await untilSpread(lb, 'both again', (spread) => spread[lb.a.key] === 2 && spread[lb.b.key] === 2);
});

test('maintenance ends the sessions of that backend and no others', async (t) => {
  const lb = await start(t);
  const first = await lb.client();
  const isOnA = (await lb.sessions(`?backend=${encodeURIComponent(lb.a.key)}`)).sessions.length === 1;
  const second = await lb.client();
  const [hit, spared] = isOnA ? [first, second] : [second, first];
  await done(lb.admin.post(`${pathOf(lb.a)}/maintenance`));
  await hit.ends();
  await spared.send('on');
  await spared.expect('on');
});

test('weights shift new sessions', async (t) => {
  const lb = await start(t);
  await done(lb.admin.post(`${pathOf(lb.a)}/weight`, { weight: 3 }));
  await untilSpread(lb, 'three to one', (spread) => spread[lb.a.key] === 3 && spread[lb.b.key] === 1);
});

test('a backend is added, removed while it serves, and gone after its last session', async (t) => {
  const lb = await start(t);
  const fresh = (await listen()).serve(echo);
  t.after(() => fresh.close());
  await done(lb.admin.post('/v1/pools/default/backends', { host: fresh.host, port: fresh.port }));
  await until(async () => (await lb.spread(3))[fresh.key] === 1, 'it gets its share');
  const before = new Set((await lb.sessions()).sessions.map(({ id }) => id));
  const clients = [await lb.client(), await lb.client(), await lb.client()];
  assert.ok((await lb.sessions()).sessions.length > before.size);
  await done(lb.admin.delete(pathOf(fresh)));
  const views = async () => (await lb.state()).pools[0]?.backends ?? [];
  assert.equal((await views()).find(({ backend }) => backend === fresh.key)?.configured, false);
  for (const client of clients) {
    await client.send('on');
    await client.expect('on');
    client.fin();
  }
  await until(async () => !(await views()).some(({ backend }) => backend === fresh.key), 'it is forgotten');
  const twice = await lb.admin.delete(pathOf(fresh));
  assert.deepEqual([twice.ok, twice.status], [false, 404]);
});

test('changes asked for at once are made one after the other: none is lost', async (t) => {
  const lb = await start(t);
  const fresh = await Promise.all([listen(), listen(), listen()]);
  for (const backend of fresh) t.after(() => backend.close());
  const add = ({ host, port }: Backend) => done(lb.admin.post('/v1/pools/default/backends', { host, port }));
  await Promise.all(fresh.map(add));
  const keys = (await lb.state()).pools[0]?.backends.map(({ backend }) => backend) ?? [];
  assert.deepEqual(new Set(keys), new Set([lb.a, lb.b, ...fresh].map(({ key }) => key)));
  await Promise.all([done(lb.admin.post('/v1/reload')), done(lb.admin.delete(pathOf(lb.b)))]);
  const after = (await lb.state()).pools[0]?.backends.map(({ backend }) => backend);
  assert.ok(after?.includes(lb.a.key) && !after.includes(fresh[0].key), String(after));
});

test('a reload takes the file again, and those who watch are told', async (t) => {
  const lb = await start(t);
  const seen: string[] = [];
  const controller = new AbortController();
  const watching = lb.admin.watch((name) => seen.push(name), controller.signal);
  await until(async () => {
    await done(lb.admin.post('/v1/reload'));
    return seen.includes('reloaded');
  }, 'the reload is told');
  controller.abort();
  assert.equal((await watching).ok, true);
});
