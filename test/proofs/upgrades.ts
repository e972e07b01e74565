// Upgrades under load lose nothing: one process after the other takes the listening sockets from the one before, while
// short connections and streams are compared byte by byte. Streams stay with the process that accepted them.

import assert from 'node:assert/strict';

import type { Case, Settings } from '../helpers/balancer.ts';
import { freePort } from '../helpers/machine.ts';
import { gone, line } from '../helpers/upgrading.ts';
import { startLoad, type LoadSize } from './load.ts';
import { everySoOften, type Proof, type Tell } from './proof.ts';

export interface UpgradesSize extends LoadSize {
  readonly upgrades: number;
}

const WORKERS = [2, 1, 3];

export function proveUpgrades(size: UpgradesSize): Proof {
  return async (lab: Case, tell: Tell) => {
    const seldom = everySoOften(tell);
    const load = await startLoad(size, 23);
    lab.atEnd(load.kill);
    const main = await freePort();
    const backends = load.backends.map((backend) => {
      const colon = backend.lastIndexOf(':');
      return { host: backend.slice(0, colon), port: Number(backend.slice(colon + 1)) };
    });
    const config = (round: number): Settings => ({
      workers: WORKERS[round % WORKERS.length],
      listeners: { main: { listen: `127.0.0.1:${main}`, pool: 'main' } },
      pools: { main: { backends } },
      drain: { timeout: 600 },
    });
    const lb = await lab.start(config(0));
    const processes = line(lab, lb);
    await load.go(`127.0.0.1:${main}`);
    const from = performance.now();
    for (let round = 1; round <= size.upgrades; round += 1) {
      lb.write(config(round));
      await processes.upgrade();
      const { connections } = load.progress();
      seldom(`upgrade ${round} of ${size.upgrades}, ${connections.toLocaleString('en')} connections`);
    }
    const seconds = (performance.now() - from) / 1000;
    assert.equal(new Set(processes.pids).size, size.upgrades + 1);
    const result = await load.end();
    for (const pid of processes.pids.slice(1, -1)) await gone(pid, 30_000);
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
    await processes.end();
    return {
      title: 'Upgrades',
      done: 'Each process starts its successor at SIGUSR2, with another number of workers. The streams of the beginning stay in the first process until they end; it leaves then, as all the others do, with exit code 0.',
      figures: [
        { what: 'upgrades', value: size.upgrades },
        { what: 'seconds in which they were done', value: Math.round(seconds) },
        { what: 'short connections, each with an answer of its own', value: result.connections },
        { what: 'streams that stayed', value: size.streams },
        { what: 'bytes of these streams, both ways', value: result.streamBytes },
        { what: 'longest short connection, ms', value: result.slowestMs.toFixed(1) },
        { what: 'refused, reset, wrong or lost', value: result.failures },
      ],
    };
  };
}
