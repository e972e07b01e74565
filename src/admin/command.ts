// The command line of ctl: verbs and options, and where the balancer is. No logic of its own.

import { writeSync } from 'node:fs';

import { type Command, InvalidArgumentError } from 'commander';

import { type AdminTarget, createAdminClient } from './client.ts';
import { type AddOptions, createCtl, type Ctl, type SessionOptions } from './ctl.ts';
import { readToken } from './guard.ts';

export const DEFAULT_SOCKET = '/run/ultrabalancer-l4/admin.sock';
const EXIT_USAGE = 2;

interface WhereOptions {
  readonly socket?: string;
  readonly tcp?: { readonly host: string; readonly port: number };
  readonly tokenFile?: string;
  readonly json?: boolean;
}

interface PoolOption {
  readonly pool?: string;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
  return Number(text);
}

/** `127.0.0.1:9091` or `[::1]:9091`. */
export function parsePlace(text: string): { host: string; port: number } {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidArgumentError('HOST:PORT is wanted');
  return { host, port };
}

function targetOf(options: WhereOptions): AdminTarget | { readonly problem: string } {
  if (options.tcp === undefined) return { kind: 'socket', path: options.socket ?? DEFAULT_SOCKET };
  if (options.tokenFile === undefined) return { problem: 'over TCP a token is needed: --token-file FILE' };
  const read = readToken(options.tokenFile);
  return read.ok ? { kind: 'tcp', ...options.tcp, token: read.token } : { problem: read.message };
}

/** Adds `ctl` to a command line; `done` gets the exit code. */
export function addCtl(cli: Command, done: (code: number) => void): void {
  const ctl = cli
    .command('ctl')
    .description('asks a running balancer, or tells it to do something')
    .option('--socket <path>', `its admin socket (default: ${DEFAULT_SOCKET})`)
    .option('--tcp <host:port>', 'its admin address, where it has one', parsePlace)
    .option('--token-file <file>', 'the token for that address')
    .option('--json', 'for programs');

  const tell = (text: string): void => print(2, text);
  const run = async (verb: (ctl: Ctl) => Promise<number>): Promise<void> => {
    const options: WhereOptions = ctl.opts();
    const target = targetOf(options);
    if ('problem' in target) {
      tell(`error: ${target.problem}\n`);
      done(EXIT_USAGE);
      return;
    }
    const out = (text: string): void => print(1, text);
    done(
      await verb(
        createCtl({ client: createAdminClient(target), json: options.json ?? false, out, err: tell }),
      ),
    );
  };
  const verb = (usage: string, description: string): Command => ctl.command(usage).description(description);
  const onBackend = (
    name: string,
    description: string,
    act: (ctl: Ctl, backend: string, pool?: string) => Promise<number>,
  ): void => {
    verb(`${name} <backend>`, description)
      .option('--pool <name>', 'of which pool, where several have it')
      .action((backend: string, { pool }: PoolOption) => run((each) => act(each, backend, pool)));
  };

  verb('status', 'listeners, pools and backends').action(() => run((each) => each.status()));
  verb('backends', 'backends alone').action(() => run((each) => each.backends()));
  verb('sessions', 'open sessions')
    .option('--limit <n>', 'how many at most; 100 unless told', wholeNumber)
    .option('--listener <name>', 'of this listener')
    .option('--pool <name>', 'of this pool')
    .option('--backend <host:port>', 'on this backend')
    .option('--client <ip>', 'from this address')
    .action((options: SessionOptions) => run((each) => each.sessions(options)));
  verb('reload', 'takes the config file as it is now').action(() => run((each) => each.reload()));
  verb('weight <backend> <weight>', 'how much of the new sessions it gets')
    .option('--pool <name>', 'of which pool, where several have it')
    .action((backend: string, weight: string, { pool }: PoolOption) =>
      run((each) => each.weight(backend, wholeNumber(weight), pool)),
    );
  onBackend('drain', 'no new sessions; open ones may finish', (each, ...args) => each.drain(...args));
  onBackend('maintenance', 'no new sessions; open ones are ended', (each, ...args) =>
    each.maintenance(...args),
  );
  onBackend('ready', 'takes new sessions again', (each, ...args) => each.ready(...args));
  onBackend('remove', 'until the next reload; open sessions may finish', (each, ...args) =>
    each.remove(...args),
  );
  verb('add <host:port>', 'a backend, until the next reload')
    .option('--pool <name>', 'to which pool', 'default')
    .option('--weight <n>', 'its weight; 1 unless told', wholeNumber)
    .option('--max-connections <n>', 'sessions at once; no limit unless told', wholeNumber)
    .option('--backup', 'only while no other is up')
    .action((backend: string, { pool, ...options }: AddOptions & { readonly pool: string }) => {
      const { host, port } = parsePlace(backend);
      return run((each) => each.add(host, port, pool, options));
    });
  verb('kill <id>', 'ends a session').action((id: string) => run((each) => each.kill(id)));
  verb('log-level <level>', 'debug, info, warn or error, until the next reload').action((level: string) =>
    run((each) => each.logLevel(level)),
  );
  verb('events', 'what happens, as it happens').action(() => run((each) => each.events(untilInterrupted())));
}

/** All of it, before the process ends. */
function print(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever reads has seen enough.
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
