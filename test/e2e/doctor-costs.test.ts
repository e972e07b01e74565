// What the doctor reckons with is what the data plane takes: sessions of a real balancer are counted in descriptors, and
// as many as the doctor says fit, fit.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';

import { loadConfigFile } from '#src/config/load.js';
import * as cost from '#src/doctor/costs.js';
import { demandOf } from '#src/doctor/demand.js';
import { readHost } from '#src/doctor/read-host.js';
import { loadBinding } from '#src/engine/load.js';
import { at, type Running, scenario, session } from '../helpers/balancer.ts';

const ROOM = 600;
const LIMITED = ['prlimit', `--nofile=${ROOM}:${ROOM}`];
const SETTINGS = { workers: 2, splice: 'off', max_connections: 1000, connection_pool: { max_size: 0 } };

/** Descriptors of each thread's table, by the thread's name; tables that are shared show the same number. */
function tables(pid: number): { readonly main: number; readonly workers: readonly number[] } {
  const workers: number[] = [];
  let main = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const open = readdirSync(`${folder}/fd`).length;
    if (thread === String(pid)) main = open;
    else if (readFileSync(`${folder}/comm`, 'utf8').startsWith('ub-worker')) workers.push(open);
  }
  return { main, workers };
}

function demand(lb: Running) {
  const loaded = loadConfigFile(lb.file);
  assert.ok(loaded.ok);
  return demandOf(loaded.config, readHost({ pid: lb.pid }));
}

/** Descriptors in all the tables that a limit counts for. */
function counted(pid: number): number {
  const { main, workers } = tables(pid);
  return cost.DESCRIPTOR_TABLES === 'process' ? main : workers.reduce((sum, open) => sum + open, 0);
}

it('a session takes the descriptors that the doctor says, in the table that it says', async () => {
  await scenario(async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start({ ...SETTINGS, backends: [at(backend)] });
    const idle = tables(lb.pid);
    assert.equal(idle.workers.length, 2);
    const before = counted(lb.pid);
    const count = 50;
    for (let n = 0; n < count; n++) await session(lb, backend);
    const wanted = count * cost.DESCRIPTORS_PER_SESSION;
    // The metrics page and probes come and go: not more than a few.
    assert.ok(
      Math.abs(counted(lb.pid) - before - wanted) <= 4,
      `${counted(lb.pid) - before} descriptors for ${count} sessions`,
    );
    const grown = tables(lb.pid).main - idle.main;
    assert.equal(
      grown > count,
      cost.DESCRIPTOR_TABLES === 'process',
      `the main thread's table grew by ${grown}`,
    );
  });
});

it('as many workers at most as the addon runs', () => {
  const loaded = loadBinding();
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.message);
  assert.equal(loaded.binding.maxWorkers, cost.MOST_WORKERS);
});

it('before the first session it takes no more than the doctor sets aside', async () => {
  await scenario(async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start({ ...SETTINGS, backends: [at(backend)] });
    const { main } = tables(lb.pid);
    assert.ok(main <= demand(lb).descriptorsBefore, `${main} of ${demand(lb).descriptorsBefore}`);
  });
});

it('as many sessions as the doctor says fit, and not the number that it says will not', async () => {
  await scenario(async (lab) => {
    const backend = await lab.backend();
    const lb = await lab.start({ ...SETTINGS, backends: [at(backend)] }, { wrap: LIMITED });
    const { sessionsByDescriptors: fits, tableSize } = demand(lb);
    assert.equal(tableSize, ROOM);
    assert.ok(fits !== undefined && fits > 100 && fits < ROOM / 2, `${fits}`);
    for (let n = 0; n < fits; n++) await session(lb, backend);
    assert.equal(await lb.metric('active_connections', { listener: 'default' }), fits);
    // Two descriptors a session: at half the limit something has to give, whatever else is open.
    const beyond = Math.ceil((cost.DESCRIPTOR_TABLES === 'worker' ? 2 : 1) * (ROOM / 2)) + 10;
    const waiting = [];
    for (let n = fits; n < beyond; n++) waiting.push(await lb.connect());
    // The metrics page needs a descriptor too: the log tells.
    await lb.untilLogged(/accepts nobody for now \(EMFILE\)/);
    for (const client of waiting) client.close();
  });
});
