// The data plane needs no JavaScript: the thread of the control plane is kept busy by a loop in its own process, while old
// and new clients are served, backends are picked as the plan says, and a backend that goes is replaced by another. After it
// the control plane catches up with all that has happened.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { at, ROOT, type Case, type Settings } from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { get } from '../helpers/metrics-page.ts';
import { echo } from '../helpers/tcp-script.ts';
import { startLoad, type LoadSize } from './load.ts';
import { everySoOften, type Proof, type Tell } from './proof.ts';

export interface FrozenSize extends LoadSize {
  readonly seconds: number;
}

const BLOCK = pathToFileURL(join(ROOT, 'test', 'fixtures', 'block-thread.mjs')).href;
/** Weights of the backends, again and again. */
const WEIGHTS = [1, 2, 3, 4];
/** Once in so long a client goes where a backend has gone. */
const VISIT_MS = 100;

/** Shares as the weights say, but for the streams, which took turns as well. */
function checkShares(asked: readonly number[], streams: number): void {
  const total = asked.reduce((sum, count) => sum + count, 0);
  const weights = asked.map((_, n) => WEIGHTS[n % WEIGHTS.length] ?? 1);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [n, count] of asked.entries()) {
    const due = ((total + streams) * (weights[n] ?? 1)) / all;
    assert.ok(
      Math.abs(count - due) <= streams + 2,
      `backend ${n} got ${count} connections, ${Math.round(due)} were its share`,
    );
  }
}

export function proveFrozen(size: FrozenSize): Proof {
  return async (lab: Case, tell: Tell) => {
    const seldom = everySoOften(tell);
    const load = await startLoad(size, 22);
    lab.atEnd(load.kill);
    const goes = (await lab.backend()).serve(echo);
    const stays = (await lab.backend()).serve(echo);
    const [main, other] = [await freePort(), await freePort()];
    const backends = load.backends.map((backend, n) => {
      const colon = backend.lastIndexOf(':');
      const weight = WEIGHTS[n % WEIGHTS.length];
      return { host: backend.slice(0, colon), port: Number(backend.slice(colon + 1)), weight };
    });
    const health = { enabled: true, interval: 0.5, timeout: 0.4, unhealthy_threshold: 2 };
    const settings: Settings = {
      listeners: {
        main: { listen: `127.0.0.1:${main}`, pool: 'main' },
        other: { listen: `127.0.0.1:${other}`, pool: 'other' },
      },
      pools: {
        main: { backends },
        other: { backends: [at(goes), at(stays)], health_checks: health },
      },
    };
    const env = { NODE_OPTIONS: `--import=${BLOCK}`, UB_BLOCK_MS: String(size.seconds * 1000) };
    const lb = await lab.start(settings, { env, spareSockets: 2 });
    await load.go(`127.0.0.1:${main}`);
    const old = await lb.connect({ port: other });
    await old.send('before');
    await old.expect('before');

    const before = load.progress();
    lb.signal('SIGWINCH');
    const from = performance.now();
    // The signal is taken between two turns: one answer may still come.
    await until(async () => {
      const asked = await Promise.race([
        get(lb.metricsPort, '/healthz').catch(() => undefined),
        new Promise<'silent'>((resolve) => setTimeout(() => resolve('silent'), 500)),
      ]);
      return asked === 'silent';
    }, 'the control plane answers no more');
    let answeredAt = 0;
    const answer = until(
      async () => (await get(lb.metricsPort, '/healthz').catch(() => undefined))?.status === 200,
      'the control plane answers again',
      size.seconds * 1000 + 30_000,
    ).then(() => (answeredAt = performance.now()));
    await goes.close();
    let visits = 0;
    const lastVisit = from + size.seconds * 1000 - 1000;
    while (performance.now() < lastVisit) {
      const client = await lb.connect({ port: other });
      await client.send(`visit ${visits}`);
      await client.expect(`visit ${visits}`);
      client.close();
      visits += 1;
      seldom(`blocked for ${Math.round((performance.now() - from) / 1000)} s of ${size.seconds}`);
      await new Promise((resolve) => setTimeout(resolve, VISIT_MS));
    }
    const during = load.progress();
    assert.equal(answeredAt, 0, 'the control plane was blocked until the last of them');
    await answer;
    const blocked = (answeredAt - from) / 1000;
    assert.ok(blocked >= size.seconds, `it was blocked for ${blocked} s`);

    // Caught up: what went meanwhile is known, and what was slow meanwhile is no failure.
    await lb.untilMetric('ultrabalancer_l4_backend_up', 0, { backend: goes.key }, 20_000);
    await lb.untilMetric('ultrabalancer_l4_backend_up', 1, { backend: stays.key });
    const page = await lb.metrics();
    assert.equal(page.get('ultrabalancer_l4_backend_up', { pool: 'main' }), backends.length);
    assert.equal(page.get('ultrabalancer_l4_sessions_total', { listener: 'other' }), visits + 1);
    assert.equal(page.get('ultrabalancer_l4_events_dropped_total'), 0);
    const retries = page.get('ultrabalancer_l4_retries_total', { pool: 'other' });
    assert.ok(retries > 0, 'clients were sent on from the backend that had gone');
    assert.doesNotMatch(lb.log(), new RegExp(`${stays.key}.* is down`));
    const result = await load.end();
    checkShares(result.asked, size.streams);
    return {
      title: 'A control plane that stands still',
      done: 'The thread that runs JavaScript is kept busy by a loop in its own process. Meanwhile clients come and go, streams go on, and a backend of another pool is closed, which nobody can find out but by connecting to it. Shares of backends are compared with their weights, to the connection.',
      figures: [
        { what: 'seconds without an answer of the control plane', value: blocked.toFixed(1) },
        {
          what: 'short connections answered within that time',
          value: during.connections - before.connections,
        },
        { what: 'bytes of streams in that time', value: during.streamBytes - before.streamBytes },
        { what: 'streams that stayed', value: size.streams },
        { what: 'clients of the pool that lost a backend', value: visits },
        { what: 'of these sent on from the lost backend', value: retries },
        { what: 'longest short connection, ms', value: result.slowestMs.toFixed(1) },
        { what: 'refused, reset, wrong or lost', value: result.failures },
      ],
    };
  };
}
