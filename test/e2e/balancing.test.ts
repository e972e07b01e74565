// Who gets which client, by each algorithm: what must be, counted at the backends.

import assert from 'node:assert/strict';

import { at, type Case, type Running, type Settings } from '../helpers/balancer.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { named, type Backend, type ConnectOptions, type Peer } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

async function three(lab: Case): Promise<Backend[]> {
  const backends = [await lab.backend(), await lab.backend(), await lab.backend()];
  backends.forEach((backend, i) => backend.serve(named(String(i))));
  return backends;
}

async function ask(
  lb: Running,
  options: ConnectOptions & { port?: number } = {},
): Promise<{ who: string; client: Peer }> {
  const client = await lb.connect(options);
  client.socket.write('who?');
  return { who: (await client.take(1)).toString(), client };
}

/** Names of those who answered, one client after the other. */
async function askAll(
  lb: Running,
  count: number,
  options: (i: number) => ConnectOptions & { port?: number } = () => ({}),
): Promise<string> {
  let names = '';
  for (let i = 0; i < count; i += 1) {
    const { who, client } = await ask(lb, options(i));
    names += who;
    client.close();
  }
  return names;
}

const count = (names: string, who: string): number => names.split(who).length - 1;

inOneMode('round_robin: each in its turn', async (lab) => {
  const lb = await lab.start({ backends: (await three(lab)).map((b) => at(b)), workers: 1 });
  assert.match(await askAll(lb, 12), /^(012){4}$|^(120){4}$|^(201){4}$/);
});

inOneMode(
  'weighted_round_robin: exact over every cycle, and never a longer run than need be',
  async (lab) => {
    const [heavy, light] = await three(lab);
    assert.ok(heavy !== undefined && light !== undefined);
    const backends = [at(heavy, { weight: 3 }), at(light, { weight: 1 })];
    const lb = await lab.start({ algorithm: 'weighted_round_robin', backends, workers: 1 });
    const names = await askAll(lb, 80);
    for (let from = 0; from <= 76; from += 1) assert.equal(count(names.slice(from, from + 4), '1'), 1, names);
  },
);

inOneMode('weighted_round_robin with two workers: shares hold over whole cycles', async (lab) => {
  const [heavy, light] = await three(lab);
  assert.ok(heavy !== undefined && light !== undefined);
  const backends = [at(heavy, { weight: 3 }), at(light, { weight: 1 })];
  const lb = await lab.start({ algorithm: 'weighted_round_robin', backends });
  const names = await askAll(lb, 200);
  // Each worker runs its own cycle of four and may be in the middle of one.
  assert.ok(Math.abs(count(names, '1') - 50) <= 2, `${count(names, '1')} of 200`);
});

inOneMode('a weight of 0 takes no new session', async (lab) => {
  const all = await three(lab);
  const lb = await lab.start({
    backends: all.map((b, i) => at(b, { weight: i })),
    algorithm: 'weighted_round_robin',
  });
  const names = await askAll(lb, 12);
  assert.equal(count(names, '0'), 0);
  assert.ok(count(names, '1') > 0 && count(names, '2') > 0);
});

inOneMode('least_connections: the least loaded is taken, ties in turn, weights count', async (lab) => {
  const all = await three(lab);
  const lb = await lab.start({ algorithm: 'least_connections', backends: all.map((b) => at(b)) });
  const open = [];
  for (let i = 0; i < 9; i += 1) open.push(await ask(lb));
  for (const who of ['0', '1', '2']) assert.equal(open.filter((one) => one.who === who).length, 3);
  for (const { who, client } of open) if (who === '1') client.close();
  await lb.untilMetric('active_connections', 6);
  for (let i = 0; i < 3; i += 1) assert.equal((await ask(lb)).who, '1');
});

inOneMode('ip_hash: an address keeps its backend whatever its port, others are spread', async (lab) => {
  const all = await three(lab);
  const lb = await lab.start({ algorithm: 'ip_hash', backends: all.map((b) => at(b)) });
  assert.match(await askAll(lb, 20), /^(0+|1+|2+)$/);
  const names = await askAll(lb, 60, (i) => ({ from: `127.0.9.${i + 1}` }));
  for (const who of ['0', '1', '2']) assert.ok(count(names, who) > 5, names);
  assert.equal(await askAll(lb, 60, (i) => ({ from: `127.0.9.${i + 1}` })), names);
});

inOneMode('ip_hash: one backend of three leaves, and only its own clients move', async (lab) => {
  const all = await three(lab);
  const config = (weights: number[]): Settings => ({
    algorithm: 'ip_hash',
    backends: all.flatMap((b, i) => (weights[i] === 0 ? [] : [at(b, { weight: weights[i] })])),
    health_checks: { enabled: true, interval: 0.1, timeout: 0.3, unhealthy_threshold: 1 },
  });
  const lb = await lab.start(config([1, 1, 1]), { spareSockets: 3 });
  const from = (i: number): ConnectOptions => ({ from: `127.0.8.${i + 1}` });
  const before = await askAll(lb, 60, from);
  await all[1]?.close();
  await lb.untilMetric('ultrabalancer_l4_backend_up', 0, { backend: all[1]?.key ?? '' });
  await until(async () => !(await askAll(lb, 6, from)).includes('1'), 'it is out of rotation');
  const after = await askAll(lb, 60, from);
  for (let i = 0; i < 60; i += 1) {
    if (before[i] === '1') assert.notEqual(after[i], '1');
    else assert.equal(after[i], before[i], `client ${i} moved`);
  }
});

inOneMode('ip_hash: an IPv4 client is the same client on an address of both families', async (lab) => {
  const all = await three(lab);
  const [four, both] = [await freePort(), await freePort('::')];
  const lb = await lab.start({
    listeners: {
      four: { listen: `127.0.0.1:${four}`, pool: 'p' },
      both: { listen: `[::]:${both}`, pool: 'p' },
    },
    pools: { p: { algorithm: 'ip_hash', backends: all.map((b) => at(b)) } },
  });
  const from =
    (port: number) =>
    (i: number): ConnectOptions & { port: number } => ({ port, from: `127.0.7.${i + 1}` });
  assert.equal(await askAll(lb, 40, from(both)), await askAll(lb, 40, from(four)));
});

inOneMode('random and power_of_two reach everybody, in no order', async (lab) => {
  const all = await three(lab);
  for (const algorithm of ['random', 'power_of_two']) {
    const lb = await lab.start({ algorithm, backends: all.map((b) => at(b)) });
    const names = await askAll(lb, 90);
    for (const who of ['0', '1', '2']) assert.ok(count(names, who) >= 8, `${algorithm}: ${names}`);
    assert.doesNotMatch(names, /^(?:(012)+|(120)+|(201)+)$/);
  }
});

inOneMode('power_of_two leaves a loaded backend alone', async (lab) => {
  const all = (await three(lab)).slice(0, 2);
  const lb = await lab.start({ algorithm: 'power_of_two', backends: all.map((b) => at(b)) });
  const open = [];
  for (let i = 0; i < 20; i += 1) open.push(await ask(lb));
  const first = open.filter(({ who }) => who === '0').length;
  assert.ok(first >= 8 && first <= 12, `${first} of 20 sessions that stay open`);
});

inOneMode('least_response_time tries everybody and leaves the slow one alone', async (lab) => {
  const [fast, slow] = [await lab.backend(), await lab.backend()];
  fast.serve(named('f'));
  slow.serve((peer) => {
    peer.socket.on('data', () => void quiet(150).then(() => peer.socket.write('s')));
  });
  const lb = await lab.start({
    algorithm: 'least_response_time',
    backends: [at(slow), at(fast)],
    workers: 1,
  });
  const names = await askAll(lb, 30);
  assert.ok(count(names, 's') >= 1, 'the slow one was never tried');
  assert.ok(count(names.slice(10), 's') <= 4, names);
});

inOneMode('a backup serves while every other is out, and only then', async (lab) => {
  const [main, spare] = [await lab.backend(), (await lab.backend()).serve(named('b'))];
  main.serve(named('m'));
  const lb = await lab.start(
    {
      backends: [at(main), at(spare, { backup: true })],
      health_checks: {
        enabled: true,
        interval: 0.1,
        timeout: 0.3,
        unhealthy_threshold: 1,
        healthy_threshold: 1,
      },
    },
    { spareSockets: 2 },
  );
  assert.equal(await askAll(lb, 5), 'mmmmm');
  await main.close();
  await lb.untilMetric('ultrabalancer_l4_backend_up', 0, { backend: main.key });
  await until(async () => (await askAll(lb, 3).catch(() => '')) === 'bbb', 'the backup serves');
});

inOneMode('one backend left of twenty: every client finds it', async (lab) => {
  const gone = [];
  for (let i = 0; i < 19; i += 1) {
    const backend = await lab.backend();
    await backend.close();
    gone.push(backend);
  }
  const left = (await lab.backend()).serve(named('l'));
  const lb = await lab.start(
    {
      backends: [...gone, left].map((b) => at(b)),
      retries: 0,
      health_checks: { enabled: true, interval: 0.1, timeout: 0.3, unhealthy_threshold: 1 },
    },
    { spareSockets: 20 },
  );
  await until(async () => (await lb.metric('ultrabalancer_l4_backend_up')) === 1, 'all but one are out');
  await until(async () => (await askAll(lb, 3).catch(() => '')) === 'lll', 'workers know');
  assert.match(await askAll(lb, 40), /^l+$/);
});
