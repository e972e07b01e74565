// The command line of ctl: verbs and options, and where the balancer is. No logic of its own.

import { type Command, InvalidArgumentError } from 'commander';

import { writeAll } from '../output.ts';
import { makeTop } from '../top/command.ts';
import { createAdminClient } from './client.ts';
import { parseDuration } from '../config/duration.ts';
import type { DrainOptions } from './operations.ts';
import { type AddOptions, createCtl, type Ctl, type SessionOptions } from './ctl.ts';
import { parsePlace, type Place, targetOf, type WhereOptions, withWhere } from './where.ts';

const EXIT_USAGE = 2;
const TOP = 'what goes on, as it goes on: totals, listeners, backends';

interface PoolOption {
  readonly pool?: string;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
  return Number(text);
}

/** Seconds, from `90`, `90s` or `1.5m`. */
export function parseSeconds(text: string): number {
  const ms = parseDuration(/^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : text);
  if (ms === undefined) throw new InvalidArgumentError('a time such as 30s is wanted');
  return ms / 1000;
}

function rateOf(text: string): 'even' | number {
  return text === 'even' ? text : wholeNumber(text);
}

function orderOf(text: string): DrainOptions['order'] {
  if (text !== 'idle' && text !== 'oldest') throw new InvalidArgumentError('idle or oldest is wanted');
  return text;
}

interface ThingOptions extends PoolOption {
  readonly listener?: string;
}

/** Adds `ctl` and `top` to a command line; `done` gets the exit code. */
export function addCtl(cli: Command, done: (code: number) => void): void {
  const ctl = withWhere(
    cli.command('ctl').description('asks a running balancer, or tells it to do something'),
  );
  makeTop(ctl.command('top').description(TOP), () => ctl.opts(), done);
  const own = withWhere(cli.command('top').description(TOP));
  makeTop(own, () => own.opts(), done);

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
  /** A backend, or a listener instead. */
  const onEither = (command: Command): Command =>
    command
      .argument('[backend]', 'which backend')
      .option('--listener <name>', 'a listener instead of a backend')
      .option('--pool <name>', 'of which pool, where several have it');
  const either = (
    backend: string | undefined,
    { listener, pool }: ThingOptions,
    onListener: (ctl: Ctl, listener: string) => Promise<number>,
    onBackend: (ctl: Ctl, backend: string, pool?: string) => Promise<number>,
  ): Promise<void> => {
    if (listener !== undefined && backend === undefined) return run((each) => onListener(each, listener));
    if (backend !== undefined && listener === undefined) return run((each) => onBackend(each, backend, pool));
    return ctl.error('error: name a backend, or a listener with --listener', { exitCode: EXIT_USAGE });
  };
  onEither(verb('drain', 'no new sessions; open ones may finish, or are ended in time'))
    .option('--timeout <time>', 'when the rest is ended; no limit unless told', parseSeconds)
    .option('--rate <n>', 'sessions ended per second before that, or `even`', rateOf)
    .option('--order <word>', 'whom first: idle or oldest', orderOf)
    .option('--idle <time>', 'silence that makes an idle moment; 1s unless told', parseSeconds)
    .action((backend: string | undefined, options: ThingOptions & Partial<DrainOptions>) => {
      const { listener: _listener, pool: _pool, ...drain } = options;
      return either(
        backend,
        options,
        (each, listener) => each.drainListener(listener, drain),
        (each, name, pool) => each.drain(name, pool, drain),
      );
    });
  onBackend('maintenance', 'no new sessions; open ones are ended', (each, ...args) =>
    each.maintenance(...args),
  );
  onEither(verb('ready', 'takes new sessions again')).action(
    (backend: string | undefined, options: ThingOptions) =>
      either(
        backend,
        options,
        (each, listener) => each.readyListener(listener),
        (each, ...args) => each.ready(...args),
      ),
  );
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
