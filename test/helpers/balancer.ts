// Cases against a running balancer: what they open is closed for them, and after each one it is asked what must always
// hold: alive until stopped, nothing open, nothing miscounted, a quiet log, exit 0.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until, within } from './deadline.ts';
import { descriptors } from './machine.ts';
import type { MetricsPage } from './metrics-page.ts';
import { start, type Running, type Settings, type Started, type StartOptions } from './running.ts';
import { listen, type Backend, type ConnectOptions, type ListenOptions, type Peer } from './tcp-script.ts';

export { CLI, ROOT, type Exit, type Running, type Settings, type StartOptions } from './running.ts';

/** Words that a log of an orderly life never has. */
const ALARMS = /sanitizer|assert|UB_CHECK|uncaught|unhandled|Error: |^\s+at .+:\d+:\d+/im;

export interface Case {
  backend(options?: ListenOptions): Promise<Backend>;
  /** The config is completed with a listening port, a metrics port, and probes off unless told otherwise. */
  start(settings: Settings, options?: StartOptions): Promise<Running>;
  /** Called at the end, whatever happens. */
  atEnd(clean: () => void | Promise<void>): void;
}

/** An end of the config `backends` list. */
export function at(backend: Backend | number, more: Settings = {}): Settings {
  const where =
    typeof backend === 'number'
      ? { host: '127.0.0.1', port: backend }
      : { host: backend.host, port: backend.port };
  return { ...where, ...more };
}

/** What must hold after every case. */
async function atRest({ running, options }: Started): Promise<void> {
  const { pid, baseline } = running;
  let page: MetricsPage | undefined;
  const total = (name: string): number => page?.find(name) ?? 0;
  await until(
    async () => {
      page = await running.metrics();
      return (
        total('active_connections') === 0 &&
        total('ultrabalancer_l4_sessions_total') === total('ultrabalancer_l4_sessions_closed_total')
      );
    },
    () => `no session is left and accepted = closed:\n${page?.text ?? ''}`,
  );
  for (const sample of page?.samples ?? []) {
    if (sample.name === 'ultrabalancer_l4_backend_sessions' && sample.value !== 0) {
      throw new Error(`at rest ${JSON.stringify(sample)}`);
    }
  }
  let seen = descriptors(pid);
  await until(
    () => (seen = descriptors(pid)).sockets <= baseline.sockets + (options.spareSockets ?? 0),
    () => `sockets are back at ${baseline.sockets}: ${seen.sockets}`,
  );
}

async function leave({ running }: Started): Promise<void> {
  running.signal('SIGTERM');
  const exit = await within(running.exited, `it leaves at SIGTERM; log:\n${running.log()}`, 15_000);
  if (exit.code !== 0) throw new Error(`it left with ${JSON.stringify(exit)}:\n${running.log()}`);
}

/** One case: what it opens is closed at its end, and every balancer must then be at rest and leave in order. */
export async function scenario(body: (test: Case) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ub-case-'));
  const backends: Backend[] = [];
  const started: Started[] = [];
  const cleaners: (() => void | Promise<void>)[] = [];
  try {
    await body({
      async backend(options) {
        const backend = await listen(options);
        backends.push(backend);
        return backend;
      },
      async start(settings, options = {}) {
        const one = await start(folder, settings, options);
        started.push(one);
        return one.running;
      },
      atEnd(clean) {
        cleaners.push(clean);
      },
    });
    const there = started.filter(
      ({ running }) => running.child.exitCode === null && running.child.signalCode === null,
    );
    for (const { clients } of started) for (const client of clients) client.close();
    await Promise.all(backends.map((backend) => backend.close()));
    for (const one of there) {
      await atRest(one);
      await leave(one);
    }
    for (const { running } of started) {
      const alarm = ALARMS.exec(running.log());
      if (alarm !== null) throw new Error(`the log says ${JSON.stringify(alarm[0])}:\n${running.log()}`);
    }
  } catch (error) {
    for (const { running } of started)
      if (error instanceof Error) error.message += `\nlog: ${running.log().slice(-2000)}`;
    throw error;
  } finally {
    for (const { running, clients } of started) {
      running.child.kill('SIGKILL');
      for (const client of clients) client.close();
    }
    await Promise.allSettled(backends.map((backend) => backend.close()));
    for (const clean of cleaners) await clean();
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Pair {
  readonly client: Peer;
  /** The other end of the same session. */
  readonly peer: Peer;
  readonly backend: Backend;
  readonly lb: Running;
}

/** A client and a backend with a session between them that has carried one byte. */
export async function pair(test: Case, settings: Settings = {}): Promise<Pair> {
  const backend = await test.backend();
  const lb = await test.start({ backends: [at(backend)], ...settings });
  return { ...(await session(lb, backend)), backend, lb };
}

/** One more session between them. */
export async function session(
  lb: Running,
  backend: Backend,
  options: ConnectOptions = {},
): Promise<{ client: Peer; peer: Peer }> {
  const client = await lb.connect(options);
  await client.send('?');
  const peer = await backend.accept();
  await peer.expect('?');
  return { client, peer };
}
