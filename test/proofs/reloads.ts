// Reloads under load lose nothing: backends come and go, weights change, a listener opens and closes, workers become more
// and fewer, by SIGHUP and by `ctl reload`, while short connections and streams are compared byte by byte.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { at, CLI, type Case, type Running, type Settings } from '../helpers/balancer.ts';
import { freePort, listensOn } from '../helpers/machine.ts';
import { until } from '../helpers/deadline.ts';
import { echo, type Backend, type Peer } from '../helpers/tcp-script.ts';
import { startLoad, type LoadSize, type ProofLoad } from './load.ts';
import { everySoOften, type Proof, type Tell } from './proof.ts';

export interface ReloadsSize extends LoadSize {
  readonly reloads: number;
  /** Reloads are spread over so many short connections, and the load goes on until they were answered. */
  readonly leastConnections: number;
  /** One reload of so many is asked for by `ctl`, the others by SIGHUP. */
  readonly ctlEvery: number;
  /** How long the load may need beyond the last reload. */
  readonly patienceMs: number;
}

const WORKERS = [1, 3, 2];

interface Scene {
  readonly backends: readonly string[];
  readonly spare: Backend;
  readonly main: number;
  readonly extra: number;
}

/** The config of a round: every one differs from the one before in backends, weights, workers and listeners. */
function configOf(scene: Scene, round: number): Settings {
  const all = scene.backends.map((backend, n) => {
    const colon = backend.lastIndexOf(':');
    const weight = 1 + ((round + n) % 4);
    return { host: backend.slice(0, colon), port: Number(backend.slice(colon + 1)), weight };
  });
  // A third of them is away, another third each time.
  const there = round === 0 ? all : all.filter((_, n) => n % 3 !== round % 3);
  const extra = { extra: { listen: `127.0.0.1:${scene.extra}`, pool: 'spare' } };
  return {
    workers: WORKERS[round % WORKERS.length],
    admin: { socket: 'admin.sock' },
    listeners: {
      main: { listen: `127.0.0.1:${scene.main}`, pool: 'main' },
      ...(round % 2 === 1 ? extra : {}),
    },
    pools: {
      main: { algorithm: round % 5 === 4 ? 'least_connections' : 'round_robin', backends: there },
      spare: { backends: [at(scene.spare)] },
    },
  };
}

async function exchange(client: Peer, text: string): Promise<void> {
  await client.send(text);
  await client.expect(text);
}

/** Sessions of the listener that comes and goes: one that is served, one that waits in its queue when it goes. */
interface Guests {
  readonly settled: Peer;
  readonly late: Peer;
}

async function invite(lb: Running, port: number, round: number): Promise<Guests> {
  const settled = await lb.connect({ port });
  await exchange(settled, `settled ${round}`);
  const late = await lb.connect({ port });
  late.socket.write(`late ${round}`);
  return { settled, late };
}

async function takeLeave({ settled, late }: Guests, round: number): Promise<void> {
  await late.expect(`late ${round}`);
  await exchange(settled, `still here ${round}`);
  for (const client of [settled, late]) {
    client.fin();
    await client.expectFin();
    client.close();
  }
}

interface Driven {
  readonly byCtl: number;
  /** Sessions that outlived their listener. */
  readonly guests: number;
}

async function drive(
  lb: Running,
  scene: Scene,
  load: ProofLoad,
  size: ReloadsSize,
  tell: Tell,
): Promise<Driven> {
  const run = promisify(execFile);
  let guests: Guests | undefined;
  let byCtl = 0;
  let served = 0;
  const each = size.leastConnections / size.reloads;
  for (let round = 1; round <= size.reloads; round += 1) {
    // Spread over all of the load, not ahead of it.
    const share = Math.floor((round - 1) * each);
    await until(
      () => load.progress().connections >= share,
      () => `${share} connections are answered before reload ${round}`,
      size.patienceMs,
    );
    // The last one is the first again, so that what is open at the end can be compared with the start.
    lb.write(configOf(scene, round === size.reloads ? 0 : round));
    if (round % size.ctlEvery === 0) {
      await run(process.execPath, [CLI, 'ctl', '--socket', join(dirname(lb.file), 'admin.sock'), 'reload']);
      byCtl += 1;
    } else {
      assert.equal(await lb.reload(), 'taken', `reload ${round}`);
    }
    if (guests !== undefined) {
      await takeLeave(guests, round - 1);
      served += 2;
    }
    guests = undefined;
    if (round % 2 === 1 && round !== size.reloads) guests = await invite(lb, scene.extra, round);
    const { connections } = load.progress();
    tell(`reload ${round} of ${size.reloads}, ${connections.toLocaleString('en')} connections`);
  }
  assert.ok(!listensOn(scene.extra), 'the listener that was taken away listens no more');
  return { byCtl, guests: served };
}

export function proveReloads(size: ReloadsSize): Proof {
  return async (lab: Case, tell: Tell) => {
    const seldom = everySoOften(tell);
    const load = await startLoad(size, 21);
    lab.atEnd(load.kill);
    const scene: Scene = {
      backends: load.backends,
      spare: (await lab.backend()).serve(echo),
      main: await freePort(),
      extra: await freePort(),
    };
    const lb = await lab.start(configOf(scene, 0));
    const from = performance.now();
    await load.go(`127.0.0.1:${scene.main}`);
    const { byCtl, guests } = await drive(lb, scene, load, size, seldom);
    const seconds = (performance.now() - from) / 1000;
    await until(
      () => {
        const { connections } = load.progress();
        seldom(`no more reloads, ${connections.toLocaleString('en')} connections`);
        return connections >= size.leastConnections;
      },
      `${size.leastConnections} connections are answered`,
      size.patienceMs,
    );
    const result = await load.end();
    assert.equal(await lb.metric('ultrabalancer_l4_reload_failures_total'), 0);
    assert.ok((await lb.metric('ultrabalancer_l4_config_generation')) >= size.reloads);
    return {
      title: 'Reloads',
      done: 'Every reload changes which backends there are and their weights, the number of workers (1, 3, 2), the algorithm now and then, and opens or closes a second listener, on which one session is in use and another one waits when it is taken away. Each short connection asks what nobody else asks; streams carry bytes both ways from the first to the last moment; all of it is compared at both ends.',
      figures: [
        { what: 'reloads', value: size.reloads },
        { what: 'of these by ctl reload, the rest by SIGHUP', value: byCtl },
        { what: 'seconds in which they were done', value: Math.round(seconds) },
        { what: 'short connections, each with an answer of its own', value: result.connections },
        { what: 'streams that stayed', value: size.streams },
        { what: 'bytes of these streams, both ways', value: result.streamBytes },
        { what: 'sessions of a listener that was taken away', value: guests },
        { what: 'longest short connection, ms', value: result.slowestMs.toFixed(1) },
        { what: 'refused, reset, wrong or lost', value: result.failures },
      ],
    };
  };
}
