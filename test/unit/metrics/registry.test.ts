import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLOSE_REASONS, CONNECT_FAILURES } from '#src/engine/engine.js';
import type { Log } from '#src/log.js';
import { METRICS } from '#src/metrics/names.js';
import { createMetrics, type Metrics, type MetricsOptions } from '#src/metrics/registry.js';
import {
  backendCounters,
  BOUNDS,
  closed,
  fakeSource,
  type FakeSource,
  healthOf,
  listenerCounters,
  readPage,
  workerCounters,
} from './fake-source.ts';

const noNode = (): Promise<string> => Promise.resolve('');

function fakeClock(): NonNullable<MetricsOptions['clock']> & { advance(ms: number): void } {
  let now = 0;
  const timers: { due: number; readonly ms: number; readonly run: () => void }[] = [];
  return {
    now: () => now,
    every(ms, run) {
      const timer = { due: now + ms, ms, run };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    advance(ms) {
      const goal = now + ms;
      for (;;) {
        const next = timers.filter(({ due }) => due <= goal).sort((a, b) => a.due - b.due)[0];
        if (next === undefined) break;
        now = next.due;
        next.due += next.ms;
        next.run();
      }
      now = goal;
    },
  };
}

const log: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  banner: () => undefined,
  reopen: () => undefined,
  flush: () => Promise.resolve(),
  dropped: () => 7,
};

function metricsOf(source: FakeSource, options: MetricsOptions = {}): Metrics {
  return createMetrics(source, log, { clock: fakeClock(), node: noNode, version: '1.2.3', ...options });
}

/** What outside tools count on. */
const PROMISED: Readonly<Record<string, readonly string[]>> = {
  request_duration_seconds: ['listener'],
  active_connections: ['listener'],
  backend_response_time: ['pool', 'backend'],
  error_rate: [],
  requests_per_second: [],
  ultrabalancer_l4_sessions_total: ['listener'],
  ultrabalancer_l4_sessions_closed_total: ['listener', 'reason'],
  ultrabalancer_l4_relayed_bytes_total: ['listener', 'direction'],
  ultrabalancer_l4_backend_sessions: ['pool', 'backend'],
  ultrabalancer_l4_backend_up: ['pool', 'backend'],
  ultrabalancer_l4_connect_failures_total: ['pool', 'backend', 'reason'],
  ultrabalancer_l4_retries_total: ['pool'],
  ultrabalancer_l4_accept_pauses_total: ['listener'],
  ultrabalancer_l4_spliced_bytes_total: ['listener'],
  ultrabalancer_l4_config_generation: [],
  ultrabalancer_l4_reload_failures_total: [],
};

test('promised names and labels are in the table', () => {
  const byName = new Map(Object.values(METRICS).map((metric) => [metric.name, metric]));
  assert.equal(byName.size, Object.keys(METRICS).length, 'no name twice');
  for (const [name, labels] of Object.entries(PROMISED)) {
    for (const label of labels) assert.ok(byName.get(name)?.labels.includes(label), `${name} has ${label}`);
  }
});

test('every metric is there before anything has happened, with exactly the labels of the table', async () => {
  const page = readPage(await metricsOf(fakeSource()).scrape());
  for (const { name, kind, labels } of Object.values(METRICS)) {
    assert.equal(page.types.get(name), kind);
    const samples = page.all(kind === 'histogram' ? `${name}_count` : name);
    assert.ok(samples.length > 0, `${name} has a sample`);
    for (const sample of samples)
      assert.deepEqual(Object.keys(sample.labels).sort(), [...labels].sort(), name);
  }
  assert.equal(page.types.size, Object.keys(METRICS).length, 'and nothing else');
  const reasons = page.all('ultrabalancer_l4_sessions_closed_total').map(({ labels }) => labels['reason']);
  assert.deepEqual(reasons, CLOSE_REASONS);
  const failures = page.all('ultrabalancer_l4_connect_failures_total').map(({ labels }) => labels['reason']);
  assert.deepEqual(failures, CONNECT_FAILURES);
  assert.equal(page.value('active_connections', { listener: 'web' }), 0);
  assert.equal(page.value('ultrabalancer_l4_relayed_bytes_total', { direction: 'to_client' }), 0);
});

test('every number arrives where it belongs', async () => {
  const source = fakeSource();
  source.listeners = [
    listenerCounters(1, {
      active: 2n,
      accepted: 12n,
      closed: closed({ finished: 7n, backend_reset: 3n }),
      toBackendBytes: 100n,
      toClientBytes: 200n,
      splicedBytes: 250n,
      copiedBytes: 50n,
      acceptPauses: 4n,
      acceptErrors: 5n,
    }),
  ];
  source.backends = [
    backendCounters(2, {
      active: 6n,
      sessions: 11n,
      failures: CONNECT_FAILURES.map((reason) => (reason === 'timeout' ? 8n : 0n)),
      retries: 9n,
      toBackendBytes: 101n,
      toClientBytes: 202n,
      warm: 13n,
      warmUsed: 14n,
      warmStale: 15n,
    }),
    backendCounters(3, { retries: 30n }),
  ];
  source.namedBackends.push({ slot: 3, pool: 'app', backend: '[::1]:9002' });
  source.workers = [
    workerCounters({ loops: 1n }),
    workerCounters({
      accepted: 20n,
      loops: 21n,
      events: 22n,
      staleEvents: 23n,
      sessions: 24n,
      pipesOpen: 25n,
      pipesBorrowed: 26n,
      pipeFailures: 27n,
      lowWaterRelays: 9n,
      lowWaterStalls: 91n,
      bufferBytes: 28n,
    }),
  ];
  source.eventsDropped = 31n;
  source.healthFacts = [
    healthOf('app', '127.0.0.1:9001', {
      up: false,
      probes: 10,
      failures: 3,
      inconclusive: 1,
      transitions: 2,
      lastDurationMs: 250,
    }),
    healthOf('app', '[::1]:9002'),
  ];
  const page = readPage(await metricsOf(source).scrape());
  const one = { backend: '127.0.0.1:9001' };
  const expected: readonly (readonly [string, Record<string, string>, number])[] = [
    ['active_connections', {}, 2],
    ['ultrabalancer_l4_sessions_total', {}, 12],
    ['ultrabalancer_l4_sessions_closed_total', { reason: 'finished' }, 7],
    ['ultrabalancer_l4_sessions_closed_total', { reason: 'backend_reset' }, 3],
    ['ultrabalancer_l4_sessions_closed_total', { reason: 'killed' }, 0],
    ['ultrabalancer_l4_relayed_bytes_total', { direction: 'to_backend' }, 100],
    ['ultrabalancer_l4_relayed_bytes_total', { direction: 'to_client' }, 200],
    ['ultrabalancer_l4_spliced_bytes_total', {}, 250],
    ['ultrabalancer_l4_copied_bytes_total', {}, 50],
    ['ultrabalancer_l4_accept_pauses_total', {}, 4],
    ['ultrabalancer_l4_accept_errors_total', {}, 5],
    ['ultrabalancer_l4_backend_sessions', one, 6],
    ['ultrabalancer_l4_backend_sessions_opened_total', one, 11],
    ['ultrabalancer_l4_backend_relayed_bytes_total', { ...one, direction: 'to_backend' }, 101],
    ['ultrabalancer_l4_backend_relayed_bytes_total', { ...one, direction: 'to_client' }, 202],
    ['ultrabalancer_l4_connect_failures_total', { ...one, reason: 'timeout' }, 8],
    ['ultrabalancer_l4_connect_failures_total', { ...one, reason: 'refused' }, 0],
    ['ultrabalancer_l4_retries_total', { pool: 'app' }, 39],
    ['ultrabalancer_l4_backend_warm_connections', one, 13],
    ['ultrabalancer_l4_backend_warm_connections_used_total', one, 14],
    ['ultrabalancer_l4_backend_warm_connections_stale_total', one, 15],
    ['ultrabalancer_l4_backend_up', one, 0],
    ['ultrabalancer_l4_backend_up', { backend: '[::1]:9002' }, 1],
    ['ultrabalancer_l4_backend_transitions_total', one, 2],
    ['ultrabalancer_l4_backend_probes_total', { ...one, outcome: 'pass' }, 6],
    ['ultrabalancer_l4_backend_probes_total', { ...one, outcome: 'fail' }, 3],
    ['ultrabalancer_l4_backend_probes_total', { ...one, outcome: 'inconclusive' }, 1],
    ['ultrabalancer_l4_backend_probe_duration_seconds', one, 0.25],
    ['ultrabalancer_l4_dns_stale_seconds', { name: 'db.example' }, 1.5],
    ['ultrabalancer_l4_config_generation', {}, 4],
    ['ultrabalancer_l4_workers_generation', {}, 3],
    ['ultrabalancer_l4_reload_failures_total', {}, 1],
    ['ultrabalancer_l4_ready', {}, 1],
    ['ultrabalancer_l4_build_info', { version: '1.2.3', node: process.version }, 1],
    ['ultrabalancer_l4_events_dropped_total', {}, 31],
    ['ultrabalancer_l4_log_lines_dropped_total', {}, 7],
    ['ultrabalancer_l4_worker_accepted_total', { worker: '1' }, 20],
    ['ultrabalancer_l4_worker_loops_total', { worker: '0' }, 1],
    ['ultrabalancer_l4_worker_loops_total', { worker: '1' }, 21],
    ['ultrabalancer_l4_worker_events_total', { worker: '1' }, 22],
    ['ultrabalancer_l4_worker_stale_events_total', { worker: '1' }, 23],
    ['ultrabalancer_l4_worker_sessions', { worker: '1' }, 24],
    ['ultrabalancer_l4_worker_pipes_open', { worker: '1' }, 25],
    ['ultrabalancer_l4_worker_pipes_borrowed', { worker: '1' }, 26],
    ['ultrabalancer_l4_worker_pipe_failures_total', { worker: '1' }, 27],
    ['ultrabalancer_l4_worker_low_water_relays', { worker: '1' }, 9],
    ['ultrabalancer_l4_worker_low_water_stalls_total', { worker: '1' }, 91],
    ['ultrabalancer_l4_worker_buffer_bytes', { worker: '1' }, 28],
  ];
  for (const [name, labels, value] of expected) assert.equal(page.value(name, labels), value, name);
});

test("a histogram's buckets add up, and the last one is the count", async () => {
  const source = fakeSource();
  source.listeners = [listenerCounters(1, { turnBuckets: [1n, 2n, 0n, 4n], turnSumNs: 1_500_000_000n })];
  source.backends = [
    backendCounters(2, {
      turnBuckets: [0n, 5n, 0n, 0n],
      turnSumNs: 25_000_000n,
      connectBuckets: [3n, 0n, 0n, 1n],
      connectSumNs: 2n,
    }),
  ];
  const page = readPage(await metricsOf(source).scrape());
  const buckets = page
    .all('request_duration_seconds_bucket')
    .map(({ labels, text }) => [labels['le'], Number(text)]);
  assert.deepEqual(buckets, [...BOUNDS.map((bound, at) => [String(bound), [1, 3, 3][at]]), ['+Inf', 7]]);
  assert.equal(page.value('request_duration_seconds_count'), 7);
  assert.equal(page.value('request_duration_seconds_sum'), 1.5);
  assert.equal(page.value('backend_response_time_count'), 5);
  assert.equal(page.value('backend_response_time_sum'), 0.025);
  assert.equal(page.value('ultrabalancer_l4_backend_connect_duration_seconds_bucket', { le: '+Inf' }), 4);
  assert.equal(page.value('ultrabalancer_l4_backend_connect_duration_seconds_sum'), 2e-9);
});

test('counts are exact up to 2^53, and the nearest double beyond', async () => {
  const source = fakeSource();
  const printed = async (bytes: bigint): Promise<string | undefined> => {
    source.listeners = [listenerCounters(1, { toClientBytes: bytes })];
    const samples = readPage(await metricsOf(source).scrape()).all('ultrabalancer_l4_relayed_bytes_total');
    return samples.find(({ labels }) => labels['direction'] === 'to_client')?.text;
  };
  for (const exact of [2n ** 32n - 1n, 2n ** 32n, 5n * 2n ** 30n + 1n, 2n ** 53n - 1n, 2n ** 53n]) {
    assert.equal(await printed(exact), String(exact));
  }
  for (const beyond of [2n ** 53n + 1n, 2n ** 60n + 7n, 2n ** 64n - 1n]) {
    assert.equal(Number(await printed(beyond)), Number(String(beyond)), 'what a reader makes of all digits');
  }
});

test('names are data: any text survives as a label', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '"', '\\', '\n', '"} 1\n# HELP evil x\nevil 1', '\\n'),
      async (text, extra) => {
        const name = `${text}${extra}`;
        const source = fakeSource();
        source.namedListeners = [{ slot: 1, name }];
        source.listeners = [listenerCounters(1, { accepted: 5n })];
        const page = readPage(await metricsOf(source).scrape());
        assert.equal(page.value('ultrabalancer_l4_sessions_total', { listener: name }), 5);
        assert.ok(!page.types.has('evil'));
      },
    ),
    { numRuns: 50 },
  );
});

test('what was removed is counted for as long as the engine reports it, but is not told to be down', async () => {
  const source = fakeSource();
  source.namedBackends.push({ slot: 9, pool: 'app', backend: '127.0.0.1:9009' });
  source.backends.push(backendCounters(9, { active: 1n }));
  const page = readPage(await metricsOf(source).scrape());
  assert.equal(page.value('ultrabalancer_l4_backend_sessions', { backend: '127.0.0.1:9009' }), 1);
  assert.deepEqual(
    page.all('ultrabalancer_l4_backend_up').map(({ labels }) => labels['backend']),
    ['127.0.0.1:9001'],
  );
});

test('what the engine no longer reports is gone, though its name is remembered', async () => {
  const source = fakeSource();
  source.namedListeners.push({ slot: 8, name: 'old' });
  source.namedBackends.push({ slot: 9, pool: 'app', backend: '127.0.0.1:9009' });
  const text = await metricsOf(source).scrape();
  assert.doesNotMatch(text, /"old"|127\.0\.0\.1:9009/);
});

test('a backend that nobody could be sent to yet is there, at 0', async () => {
  const source = fakeSource();
  source.healthFacts.push(healthOf('app', 'nowhere.example:80', { up: false }));
  const page = readPage(await metricsOf(source).scrape());
  const labels = { backend: 'nowhere.example:80' };
  assert.equal(page.value('ultrabalancer_l4_backend_up', labels), 0);
  assert.equal(page.value('ultrabalancer_l4_connect_failures_total', { ...labels, reason: 'refused' }), 0);
});

test('one name with two numbers has their sum, and numbers without a name are left out', async () => {
  const source = fakeSource();
  source.namedListeners.push({ slot: 5, name: 'web' });
  source.listeners = [
    listenerCounters(1, { accepted: 3n }),
    listenerCounters(5, { accepted: 4n }),
    listenerCounters(6, { accepted: 100n }),
  ];
  const page = readPage(await metricsOf(source).scrape());
  assert.equal(page.value('ultrabalancer_l4_sessions_total'), 7);
});

test('the engine is read once per scrape, and scrapes at the same time are one', async () => {
  const source = fakeSource();
  const metrics = metricsOf(source);
  const before = source.reads;
  const pages = await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
  assert.equal(source.reads, before + 1);
  assert.equal(pages[0], pages[2]);
  await metrics.scrape();
  assert.equal(source.reads, before + 2);
});

test('rates are over their windows, whenever somebody asks', async () => {
  const source = fakeSource();
  const clock = fakeClock();
  const metrics = metricsOf(source, { clock });
  const rates = async (): Promise<number[]> => {
    const page = readPage(await metrics.scrape());
    return [page.value('requests_per_second'), page.value('error_rate')];
  };
  assert.deepEqual(await rates(), [0, 0]);
  clock.advance(10_000);
  source.listeners = [
    listenerCounters(1, {
      turns: 500n,
      closed: closed({ finished: 6n, read_timeout: 1n, client_reset: 1n }),
    }),
  ];
  assert.deepEqual(await rates(), [50, 1 / 8]);
  clock.advance(12_000);
  assert.deepEqual(await rates(), [0, 1 / 8]);
  clock.advance(62_000);
  assert.deepEqual(await rates(), [0, 0]);
  const reads = source.reads;
  metrics.close();
  clock.advance(60_000);
  assert.equal(source.reads, reads, 'no reading after the end');
});

test("Node's own metrics are on the page, and all of them are numbers that something can have", async () => {
  const metrics = createMetrics(fakeSource(), undefined, { clock: fakeClock() });
  const lag = (text: string): string[] => text.match(/^nodejs_eventloop_lag_m.*$/gm) ?? [];
  const first = await metrics.scrape();
  // At once, so that no delay was measured meanwhile.
  const second = await metrics.scrape();
  for (const text of [first, second]) {
    assert.match(text, /^process_cpu_seconds_total \d/m);
    assert.match(text, /^nodejs_eventloop_lag_seconds \d/m);
    assert.match(text, /^ultrabalancer_l4_build_info\{version="\d+\.\d+\.\d+[^"]*",node="v\d+[^"]*"\} 1$/m);
    for (const line of text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))) {
      const value = Number(line.split(' ').at(-1));
      assert.ok(value >= 0 && value < 2 ** 53, line);
    }
    assert.equal(lag(text).length, 3);
    for (const line of lag(text)) assert.ok(Number(line.split(' ')[1]) < 3600, line);
  }
});

test('promtool has no complaint, about our names or those of Node', async (t) => {
  const metrics = createMetrics(fakeSource(), undefined, { clock: fakeClock() });
  const check = spawnSync('promtool', ['check', 'metrics'], {
    input: await metrics.scrape(),
    encoding: 'utf8',
  });
  if (check.error !== undefined) {
    t.skip('promtool is not installed');
    return;
  }
  assert.deepEqual([check.status, check.stdout, check.stderr], [0, '', '']);
});

test('docs/metrics.md is what the table says', async () => {
  const { metricsPage } = await import('#src/metrics/page.js');
  const file = readFileSync('docs/metrics.md', 'utf8');
  assert.equal(file.slice(file.indexOf('\n\n') + 2), metricsPage(), 'npm run generate');
});
