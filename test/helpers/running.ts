// Runs the command line as its users do: a config file, a process, signals, a metrics page, a log. Knows the outside
// only; what must hold after a case is asked elsewhere.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PATIENCE_MS, until } from './deadline.ts';
import { cpuSeconds, descriptors, freePort, listensOn, type Descriptors } from './machine.ts';
import { get, parseMetrics, type MetricsPage } from './metrics-page.ts';
import type { Peer } from './peer.ts';
import { connect, type ConnectOptions } from './tcp-script.ts';

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

/** A running one with what the case has opened towards it. */
export interface Started {
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

/** Resolves when it serves; rejects with its log when it leaves instead. */
export async function start(folder: string, settings: Settings, options: StartOptions): Promise<Started> {
  const port = await freePort();
  const metricsPort = await freePort();
  const file = join(folder, `config-${port}.yaml`);
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(JSON.stringify(complete(settings, port, metricsPort)));
  const { wrap = [], env = {}, output = 'read' } = options;
  const command = [...wrap, process.execPath, CLI, '--config', file];
  const program = command[0] ?? process.execPath;
  const args = command.slice(1);
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  if (output === 'read') {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (log += text));
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
    if (exit !== undefined)
      throw new Error(`it left with ${JSON.stringify(exit)} instead of serving:\n${log}`);
    if (!listensOn(metricsPort)) return false;
    return (
      (await get(metricsPort, '/readyz')).status === 200 &&
      ('listeners' in settings || 'listen' in settings || listensOn(port))
    );
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
    async untilLogged(what, ms) {
      await until(
        () => what.test(log),
        () => `the log says ${what}: ${log}`,
        ms,
      );
    },
    write: (next) => write(JSON.stringify(complete(next, port, metricsPort))),
    writeText: write,
    async reload() {
      const before = await metrics();
      const now = (page: MetricsPage, name: string): boolean => page.get(name) > before.get(name);
      child.kill('SIGHUP');
      return until(
        async () => {
          const page = await metrics();
          if (now(page, 'ultrabalancer_l4_reload_failures_total')) return 'refused';
          return now(page, 'ultrabalancer_l4_config_generation') && 'taken';
        },
        () => `a reload is taken or refused; log:\n${log}`,
      );
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
