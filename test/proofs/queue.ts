// Clients whom the kernel has connected and nobody has accepted outlive a reload that takes workers away, every time, on a
// host that does not move them by itself (`net.ipv4.tcp_migrate_req` is 0).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { at, type Case, type Settings } from '../helpers/balancer.ts';
import { echo } from '../helpers/tcp-script.ts';
import { everySoOften, type Proof, type Proven, type Tell } from './proof.ts';

export interface QueueSize {
  readonly rounds: number;
  readonly splice: 'on' | 'off' | 'auto';
}

const FROM = 4;
const TO = 1;
const PLACES = 10;
const QUEUED = 40;

/** 0 also where the kernel knows no such setting. */
export function migrates(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() !== '0';
  } catch {
    return false;
  }
}

export function proveQueue({ rounds, splice }: QueueSize): Proof {
  return async (lab: Case, tell: Tell): Promise<Proven> => {
    assert.ok(
      !migrates(),
      'this host moves waiting clients by itself, which proves nothing: sysctl net.ipv4.tcp_migrate_req=0',
    );
    const seldom = everySoOften(tell);
    const backend = (await lab.backend()).serve(echo);
    const config = (workers: number): Settings => ({
      backends: [at(backend)],
      splice,
      workers,
      max_connections: PLACES,
      backlog: 1024,
    });
    const lb = await lab.start(config(FROM));
    for (let round = 1; round <= rounds; round += 1) {
      // Full: whoever comes now waits in the queue of any of the workers.
      const holders = await Promise.all(Array.from({ length: PLACES }, () => lb.connect()));
      await lb.untilMetric('active_connections', PLACES);
      const queued = await Promise.all(Array.from({ length: QUEUED }, () => lb.connect()));
      for (const [i, client] of queued.entries()) client.socket.write(`${round} ${i}`);
      lb.write(config(TO));
      assert.equal(await lb.reload(), 'taken');
      for (const holder of holders) holder.close();
      await Promise.all(
        queued.map(async (client, i) => {
          await client.expect(`${round} ${i}`);
          client.close();
        }),
      );
      lb.write(config(FROM));
      assert.equal(await lb.reload(), 'taken');
      await lb.untilMetric('active_connections', 0);
      seldom(`splice ${splice}: round ${round} of ${rounds}`);
    }
    return {
      title: `Clients in the queue of a worker that is taken away (splice ${splice})`,
      done: `With ${FROM} workers and a listener that is full, ${QUEUED} clients wait in the kernel's queues; a reload leaves ${TO} worker. Everybody is served, over and over, on a kernel that is told not to help.`,
      figures: [
        { what: 'rounds', value: rounds },
        { what: 'clients in queues', value: rounds * QUEUED },
        { what: 'of these served', value: rounds * QUEUED },
      ],
    };
  };
}
