// The control plane is frozen, or nobody reads what it says: the data plane goes on, limits and times included.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';

import { at, pair, scenario, session, type Case, type Running } from '../helpers/balancer.ts';
import { quiet, until } from '../helpers/deadline.ts';
import { freezeMainThread } from '../helpers/freeze.ts';
import { payload } from '../helpers/payload.ts';
import { echo } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

/** A case in which `during` runs while the main thread stands still. */
function whileFrozen(
  name: string,
  body: (lab: Case, frozen: (lb: Running, during: () => Promise<void>) => Promise<void>) => Promise<void>,
): void {
  test(name, { timeout: 60_000 }, async (t: TestContext) => {
    await scenario((lab) =>
      body(lab, async (lb, during) => {
        const frozen = await freezeMainThread(lb.pid);
        if ('forbidden' in frozen) {
          t.skip(`a thread cannot be frozen here: ${frozen.forbidden}`);
          return;
        }
        try {
          await during();
        } finally {
          await frozen.thaw();
        }
      }),
    );
  });
}

whileFrozen('open sessions, new ones and retries go on', async (lab, frozen) => {
  const gone = await lab.backend();
  await gone.close();
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(gone), at(backend)], retries: 1 });
  const old = await lb.connect();
  await old.send('before');
  await old.expect('before');
  await frozen(lb, async () => {
    await old.send('during');
    await old.expect('during');
    for (let i = 0; i < 40; i += 1) {
      const client = await lb.connect();
      const bytes = payload(i).at(0, 20_000);
      client.socket.write(bytes);
      client.fin();
      await client.expectFin();
      assert.deepEqual(client.rest(), bytes);
    }
  });
  await lb.untilMetric('ultrabalancer_l4_sessions_total', 41);
});

whileFrozen('limits and times hold', async (lab, frozen) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], max_connections: 3, timeouts: { keepalive: 0.5 } });
  await frozen(lb, async () => {
    const pairs = [await session(lb, backend), await session(lb, backend), await session(lb, backend)];
    const late = await lb.connect();
    await backend.expectNobody(150);
    // Answered, so that nothing is owed and the silence is an idle one.
    for (const { peer } of pairs) await peer.send('!');
    for (const { client } of pairs) assert.match(await client.ends(), /^(fin|rst)$/);
    for (const one of pairs) one.peer.close();
    // Room again, without a word from the control plane.
    const next = await backend.accept();
    await next.send('your turn');
    await late.expect('your turn');
  });
});

whileFrozen('a frozen main thread fakes no failed probe', async (lab, frozen) => {
  const backend = (await lab.backend()).serve(echo);
  const health = { enabled: true, interval: 0.1, timeout: 0.2, unhealthy_threshold: 2 };
  const lb = await lab.start({ backends: [at(backend)], health_checks: health }, { spareSockets: 1 });
  await until(() => backend.accepted() > 3, 'probes run');
  await frozen(lb, () => quiet(1000));
  const before = backend.accepted();
  await until(() => backend.accepted() > before + 5, 'probes run again');
  assert.equal(await lb.metric('ultrabalancer_l4_backend_up'), 1);
  assert.doesNotMatch(lb.log(), /is down/);
});

for (const output of ['unread', 'closed'] as const) {
  test(`stdout and stderr are ${output}: nothing stalls, nothing dies`, { timeout: 60_000 }, () =>
    scenario(async (lab) => {
      const backend = (await lab.backend()).serve(echo);
      const flapping = await lab.backend();
      await flapping.close();
      const config = {
        backends: [at(backend), at(flapping)],
        health_checks: { enabled: true, interval: 0.05, timeout: 0.2, unhealthy_threshold: 1 },
      };
      const lb = await lab.start(config, { output, spareSockets: 2 });
      // Refused reloads are the wordiest thing there is: more than a pipe holds.
      lb.writeText(
        `listen: 1\n${Array.from({ length: 300 }, (_, i) => `wrong_key_${i}: ${'x'.repeat(60)}`).join('\n')}\n`,
      );
      for (let i = 0; i < 5; i += 1) assert.equal(await lb.reload(), 'refused');
      for (let i = 0; i < 50; i += 1) {
        const client = await lb.connect();
        await client.send('hello');
        await client.expect('hello');
        client.close();
      }
      lb.write(config);
      assert.equal(await lb.reload(), 'taken');
    }),
  );
}

inOneMode('a module that never gives its thread back does not hold the exit up', async (lab) => {
  const folder = mkdtempSync('/tmp/ub-module-');
  lab.atEnd(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/loop.mjs`, 'export default async () => { for (;;); };');
  const health = {
    enabled: true,
    interval: 0.1,
    timeout: 0.3,
    check_type: 'custom',
    module: `${folder}/loop.mjs`,
  };
  const { client, peer, lb } = await pair(lab, { health_checks: health });
  // Where the machine is so busy that the process itself paused, a probe without an answer does not count.
  await lb.untilMetric('ultrabalancer_l4_backend_up', 0, {}, 30_000);
  await client.send('alive');
  await peer.expect('alive');
});
