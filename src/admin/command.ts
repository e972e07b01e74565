// The command line of ctl: verbs and options, and where the balancer is. No logic of its own.

import { type Command, InvalidArgumentError } from 'commander';

import { writeAll } from '../output.ts';
import { type AdminTarget, createAdminClient } from './client.ts';
import { type AddOptions, createCtl, type Ctl, type SessionOptions } from './ctl.ts';
import { readToken } from './guard.ts';

export const DEFAULT_SOCKET = '/run/ultrabalancer-l4/admin.sock';
const EXIT_USAGE = 2;

export interface Place {
  readonly host: string;
  readonly port: number;
}

interface WhereOptions {
  readonly socket?: string;
  readonly tcp?: Place;
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
export function parsePlace(text: string): Place {
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

  const tell = (text: string): void => writeAll(2, text);
  const run = async (verb: (ctl: Ctl) => Promise<number>): Promise<void> => {
    const options: WhereOptions = ctl.opts();
    const target = targetOf(options);
    if ('problem' in target) {
      tell(`error: ${target.problem}\n`);
      done(EXIT_USAGE);
      return;
    }
    const out = (text: string): void => writeAll(1, text);
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
  verb('weight <backend>', 'how much of the new sessions it gets')
    .argument('<weight>', '0 takes no new ones', wholeNumber)
    .option('--pool <name>', 'of which pool, where several have it')
    .action((backend: string, weight: number, { pool }: PoolOption) =>
      run((each) => each.weight(backend, weight, pool)),
    );
  onBackend('drain', 'no new sessions; open ones may finish', (each, ...args) => each.drain(...args));
  onBackend('maintenance', 'no new sessions; open ones are ended', (each, ...args) =>
    each.maintenance(...args),
  );
  onBackend('ready', 'takes new sessions again', (each, ...args) => each.ready(...args));
  onBackend('remove', 'until the next reload; open sessions may finish', (each, ...args) =>
    each.remove(...args),
  );
  verb('add', 'a backend, until the next reload')
    .argument('<host:port>', 'a name or an address', parsePlace)
    .option('--pool <name>', 'to which pool', 'default')
    .option('--weight <n>', 'its weight; 1 unless told', wholeNumber)
    .option('--max-connections <n>', 'sessions at once; no limit unless told', wholeNumber)
    .option('--backup', 'only while no other is up')
    .action((where: Place, { pool, ...options }: AddOptions & { readonly pool: string }) =>
      run((each) => each.add(where.host, where.port, pool, options)),
    );
  verb('kill <id>', 'ends a session').action((id: string) => run((each) => each.kill(id)));
  verb('log-level <level>', 'debug, info, warn or error, until the next reload').action((level: string) =>
    run((each) => each.logLevel(level)),
  );
  verb('events', 'what happens, as it happens').action(() => run((each) => each.events(untilInterrupted())));
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
