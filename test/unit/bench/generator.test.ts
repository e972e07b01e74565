// The generator itself, against proxies that do wrong: it has to notice, or no figure of it is worth anything. Runs the
// real program over loopback, with windows of a tenth of a second. Needs a compiler once.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { load, skip as notCompiled } from './compiled.ts';

interface Measured {
  readonly units: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly latency?: { readonly count: number; readonly p50: number; readonly p99: number };
  readonly memory?: readonly { readonly sessions: number }[];
  readonly bulk_bytes?: number;
  readonly threads?: readonly { readonly tid: number }[];
  readonly proxy_ns?: number;
  readonly proxy_clock_ns?: number;
  readonly picks?: { readonly backends: number; readonly least: number; readonly most: number };
}
interface Generator {
  readonly backends: readonly string[];
  go(target: string, pids: readonly number[]): Promise<Measured>;
  kill(): Promise<void>;
}

const { compileGenerator } = await load<{
  compileGenerator(): Promise<{ ok: true; file: string } | { ok: false; note: string }>;
}>('lib/compile.js');
const { startGenerator } = await load<{
  startGenerator(program: string, args: readonly string[], cpu: number, log: string): Promise<Generator>;
}>('lib/generator.js');
const { allowedCpus } = await load<{ allowedCpus(): number[] }>('lib/proc.js');

const hasCompiler = spawnSync(process.env['CXX'] ?? 'g++', ['--version']).status === 0;
const skip = notCompiled === false && !hasCompiler ? 'there is no C++ compiler' : notCompiled;

const SHORT = ['--warm-up', '0.1', '--window', '0.2'];

/** What a proxy may do to the bytes of one direction; undefined passes the end on, `null` swallows it. */
type Mangle = (data: Buffer) => Buffer;
interface Crime {
  readonly toBackend?: Mangle;
  readonly toClient?: Mangle;
  readonly swallowsEnds?: boolean;
}

/** A proxy that is right but for what it is told to do wrong. */
async function proxy(backend: string, crime: Crime): Promise<Server> {
  const [host = '', port = ''] = backend.split(':');
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client: Socket) => {
    const other = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    const relay = (from: Socket, to: Socket, mangle: Mangle = (data) => data): void => {
      from.on('data', (data) => {
        if (!to.write(mangle(data))) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
      if (crime.swallowsEnds !== true) from.on('end', () => to.end());
      from.on('error', () => to.destroy());
    };
    relay(client, other, crime.toBackend);
    relay(other, client, crime.toClient);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Flips one bit of the n-th piece. */
function flip(nth: number): Mangle {
  let pieces = 0;
  return (data) => {
    pieces += 1;
    if (pieces !== nth) return data;
    const copy = Buffer.from(data);
    const middle = Math.floor(copy.length / 2);
    copy[middle] = (copy[middle] ?? 0) ^ 1;
    return copy;
  };
}

/** Loses one byte of the n-th piece. */
function lose(nth: number): Mangle {
  let pieces = 0;
  return (data) => ((pieces += 1) === nth ? data.subarray(1) : data);
}

describe('the load generator', { skip, timeout: 300_000 }, () => {
  let program = '';
  const folder = mkdtempSync(join(tmpdir(), 'generator-'));
  const servers: Server[] = [];
  const generators: Generator[] = [];

  before(async () => {
    const built = await compileGenerator();
    assert.ok(built.ok, built.ok ? '' : built.note);
    program = built.file;
  });
  after(async () => {
    for (const server of servers) server.close();
    await Promise.all(generators.map((generator) => generator.kill()));
    rmSync(folder, { recursive: true });
  });

  async function start(args: readonly string[]): Promise<Generator> {
    const cpu = allowedCpus()[0] ?? 0;
    const log = join(folder, 'load.log');
    const generator = await startGenerator(program, args, cpu, log);
    generators.push(generator);
    return generator;
  }

  async function direct(args: readonly string[]): Promise<Measured> {
    const generator = await start(args);
    return generator.go('direct', []);
  }

  async function through(crime: Crime, args: readonly string[]): Promise<Measured> {
    const generator = await start(args);
    const server = await proxy(generator.backends[0] ?? '', crime);
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    return generator.go(`127.0.0.1:${port}`, [process.pid]);
  }

  for (const args of [
    ['bulk', '--streams', '2', '--direction', 'both'],
    ['bulk', '--streams', '1', '--direction', 'to_backend', '--bytes-per-second', '5e7'],
    ['ask', '--connections', '4'],
    ['ask', '--connections', '4', '--per-second', '1000'],
    ['short', '--connections', '4', '--backends', '3'],
    ['mixed', '--per-second', '500', '--bytes-per-second', '2e7'],
  ]) {
    it(`finds nothing wrong without a proxy: ${args.join(' ')}`, async () => {
      const measured = await direct([...args, ...SHORT]);
      assert.deepEqual(measured.errors, {});
      assert.ok(measured.units > 0);
    });
  }

  it('finds nothing wrong with a proxy that does right, and reads its CPU time by two clocks', async () => {
    const measured = await through({}, ['bulk', '--direction', 'both', '--streams', '2', ...SHORT]);
    assert.deepEqual(measured.errors, {});
    assert.ok((measured.threads ?? []).some((thread) => thread.tid === process.pid));
    const [threads = 0, clock = 0] = [measured.proxy_ns, measured.proxy_clock_ns];
    assert.ok(threads > 0 && clock > 0);
    // The first is as old as the last tick of each thread.
    assert.ok(Math.abs(threads - clock) < 0.1 * clock + 2e7, `${threads} and ${clock}`);
  });

  it('sees a flipped bit in a small answer', async () => {
    const measured = await through({ toClient: flip(20) }, ['ask', '--connections', '1', ...SHORT]);
    assert.equal(measured.errors['wrong_answer'], 1);
  });

  it('sees a flipped bit in a small question', async () => {
    const measured = await through({ toBackend: flip(20) }, ['ask', '--connections', '1', ...SHORT]);
    assert.equal(measured.errors['wrong_question'], 1);
  });

  it('sees a byte lost from a stream, even inside the window', async () => {
    const measured = await through({ toClient: lose(50) }, ['bulk', '--streams', '1', ...SHORT]);
    assert.equal(measured.errors['wrong_bytes'], 1);
  });

  it('sees a flipped bit in a stream while it warms up, when every byte is compared', async () => {
    const args = [
      'bulk',
      '--streams',
      '1',
      '--bytes-per-second',
      '2e7',
      '--warm-up',
      '0.5',
      '--window',
      '0.1',
    ];
    const measured = await through({ toClient: flip(5) }, args);
    assert.equal(measured.errors['wrong_bytes'], 1);
  });

  it('sees that half-close is not delivered', async () => {
    const measured = await through({ swallowsEnds: true }, [
      'bulk',
      '--streams',
      '1',
      ...SHORT,
      '--patience',
      '0.3',
    ]);
    assert.equal(measured.errors['not_ended'], 1);
  });

  it('counts from the time a request was due: a proxy that stops for a while is seen by many, not by one', async () => {
    let stopped = false;
    const stall: Mangle = (data) => {
      if (!stopped) {
        stopped = true;
        const until = performance.now() + 150;
        while (performance.now() < until); // nobody is served meanwhile
      }
      return data;
    };
    const args = [
      'ask',
      '--connections',
      '2',
      '--per-second',
      '1000',
      '--warm-up',
      '0.01',
      '--window',
      '0.4',
    ];
    const measured = await through({ toBackend: stall }, args);
    assert.deepEqual(measured.errors, {});
    // About 150 of 400 requests were due while it stood still; of two connections a closed loop would see two.
    assert.ok((measured.latency?.p99 ?? 0) > 1e8, `p99 ${measured.latency?.p99 ?? 0}`);
    assert.ok((measured.latency?.count ?? 0) > 300);
  });

  it('spreads short connections over all backends when there is no proxy', async () => {
    const measured = await direct(['short', '--connections', '2', '--backends', '5', ...SHORT]);
    assert.equal(measured.picks?.backends, 5);
    assert.ok((measured.picks.most ?? 0) - (measured.picks.least ?? 0) <= 2);
  });

  it('opens as many idle sessions as it says', async () => {
    const measured = await direct(['idle', '--sessions', '50,120', '--ask', 'yes', '--settle', '0.05']);
    assert.deepEqual(measured.errors, {});
    assert.deepEqual(
      measured.memory?.map((step) => step.sessions),
      [0, 50, 120],
    );
  });
});
