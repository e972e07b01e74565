// Runs the command line as its users do: a config file, a process, signals, a metrics page, a log. Knows the outside
// only, and after each case asks what must always hold: alive until stopped, nothing open, nothing miscounted, exit 0.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PATIENCE_MS, until, within } from './deadline.ts';
import { cpuSeconds, descriptors, freePort, listensOn, type Descriptors } from './machine.ts';
import { get, parseMetrics, type MetricsPage } from './metrics-page.ts';
import { connect, listen, type Backend, type ConnectOptions, type ListenOptions, type Peer } from './tcp-script.ts';

/** Part of a config, or all of one; keys as in the file. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** Put before the command: a program that changes its circumstances and then runs it. */
  readonly wrap?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Leave stdout and stderr unread, or hang up on them. */
  readonly output?: 'read' | 'unread' | 'closed';
  /** Sockets besides those of the start that may stay open at rest: warm connections, probes. */
  readonly spareSockets?: number;
}

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly port: number;
  readonly metricsPort: number;
  readonly file: string;
  readonly exited: Promise<Exit>;
  readonly baseline: Descriptors;
  connect(options?: ConnectOptions & { readonly port?: number }): Promise<Peer>;
  metrics(): Promise<MetricsPage>;
  /** One number of the page. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** Until a number of the page is that. */
  untilMetric(name: string, value: number, labels?: Record<string, string>, ms?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  log(): string;
  untilLogged(what: RegExp, ms?: number): Promise<void>;
  /** Replaces the file's config in one step, as `start` completes it; nothing is told to the process. */
  write(settings: Settings): void;
  writeText(text: string): void;
  /** SIGHUP, and the answer. */
  reload(): Promise<'taken' | 'refused'>;
  /** CPU share of one core over a time in which nothing should happen. */
  cpuShare(ms: number): Promise<number>;
}

export const ROOT: string = packageRoot();
export const CLI: string = join(ROOT, 'dist', 'cli.js');

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      folder = dirname(folder);
    }
  }
}

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
  const where = typeof backend === 'number' ? { host: '127.0.0.1', port: backend } : { host: backend.host, port: backend.port };
  return { ...where, ...more };
}

interface Started {
  readonly running: Running;
  readonly clients: Peer[];
  readonly options: StartOptions;
}

function complete(settings: Settings, port: number, metricsPort: number): Settings {
  const full = 'listeners' in settings;
  return {
    ...(full ? {} : { listen: `127.0.0.1:${port}` }),
    workers: 2,
    health_checks: { enabled: false },
    drain: { timeout: 5 },
    monitoring: { prometheus: { enabled: true, port: metricsPort } },
    ...settings,
  };
}

async function start(folder: string, settings: Settings, options: StartOptions): Promise<Started> {
  const port = await freePort();
  const metricsPort = await freePort();
  const file = join(folder, `config-${port}.yaml`);
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(JSON.stringify(complete(settings, port, metricsPort)));
  const { wrap = [], env = {}, output = 'read' } = options;
  const [program = '', ...args] = [...wrap, process.execPath, CLI, '--config', file];
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  if (output === 'read') {
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  } else if (output === 'closed') {
    child.stdout.destroy();
    child.stderr.destroy();
  }
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.on('error', (error) => {
      log += error.message;
      resolve({ code: -1, signal: null });
    });
    child.on('exit', (code, signal) => resolve((exit = { code, signal })));
  });
  const clients: Peer[] = [];
  const pid = child.pid ?? 0;
  const metrics = async (): Promise<MetricsPage> => parseMetrics((await get(metricsPort, '/metrics')).body);

  async function serves(): Promise<boolean> {
    if (exit !== undefined) throw new Error(`it left with ${JSON.stringify(exit)} instead of serving:\n${log}`);
    if (!listensOn(metricsPort)) return false;
    return (await get(metricsPort, '/readyz')).status === 200 && ('listeners' in settings || 'listen' in settings || listensOn(port));
  }
  try {
    await until(serves, () => `it serves; log:\n${log}`, 20_000);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const running: Running = {
    pid,
    child,
    port,
    metricsPort,
    file,
    exited,
    baseline: descriptors(pid),
    async connect(to = {}) {
      const peer = await connect(to.port ?? port, to);
      clients.push(peer);
      return peer;
    },
    metrics,
    metric: async (name, labels = {}) => (await metrics()).get(name, labels),
    async untilMetric(name, value, labels = {}, ms = PATIENCE_MS) {
      let last: number | undefined;
      await until(
        async () => (last = (await metrics()).find(name, labels)) === value,
        () => `${name} ${JSON.stringify(labels)} is ${value}; it is ${last}`,
        ms,
      );
    },
    signal: (name) => void child.kill(name),
    log: () => log,
    untilLogged: async (what, ms) => void (await until(() => what.test(log), () => `the log says ${what}: ${log}`, ms)),
    write: (next) => write(JSON.stringify(complete(next, port, metricsPort))),
    writeText: write,
    async reload() {
      const before = await metrics();
      const now = (page: MetricsPage, name: string): boolean => page.get(name) > before.get(name);
      child.kill('SIGHUP');
      return until(async () => {
        const page = await metrics();
        if (now(page, 'ultrabalancer_l4_reload_failures_total')) return 'refused';
        return now(page, 'ultrabalancer_l4_config_generation') && 'taken';
      }, () => `a reload is taken or refused; log:\n${log}`);
    },
    async cpuShare(ms) {
      const before = cpuSeconds(pid);
      const since = performance.now();
      await new Promise((resolve) => setTimeout(resolve, ms));
      return (cpuSeconds(pid) - before) / ((performance.now() - since) / 1000);
    },
  };
  return { running, clients, options };
}

/** What must hold after every case. */
async function atRest({ running, options }: Started): Promise<void> {
  const { pid, baseline } = running;
  let page: MetricsPage | undefined;
  const total = (name: string): number => page?.find(name) ?? 0;
  await until(
    async () => {
      page = await running.metrics();
      return total('active_connections') === 0 && total('ultrabalancer_l4_sessions_total') === total('ultrabalancer_l4_sessions_closed_total');
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
      atEnd: (clean) => void cleaners.push(clean),
    });
    const there = started.filter(({ running }) => running.child.exitCode === null && running.child.signalCode === null);
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
    for (const { running } of started) if (error instanceof Error) error.message += `\nlog: ${running.log().slice(-2000)}`;
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
export async function session(lb: Running, backend: Backend, options: ConnectOptions = {}): Promise<{ client: Peer; peer: Peer }> {
  const client = await lb.connect(options);
  await client.send('?');
  const peer = await backend.accept();
  await peer.expect('?');
  return { client, peer };
}
