// How a process comes to serve when it does not begin from nothing: as whom, with whose listening sockets, with what
// another one has learnt; and the steps that follow once it serves. Puts parts together that know nothing of each other.

import { type Config, STDOUT } from './config/config.ts';
import type { ProcessCalls } from './engine/binding.ts';
import type { NativeEngine } from './engine/engine.ts';
import { describeError } from './errors.ts';
import { type Inherited, inheritedSockets } from './inherited.ts';
import type { SocketOptions } from './listen.ts';
import { become, intentOf, needsLowPorts, outOfReach } from './service/privileges.ts';
import { arrive } from './upgrade/arrive.ts';
import type { RunState } from './upgrade/messages.ts';

export type Step = { readonly ok: true } | { readonly ok: false; readonly message: string };

export interface Entry {
  readonly inherited: Inherited;
  readonly overrides: RunState['overrides'];
  /** How Unix sockets are made. */
  opening(): SocketOptions;
  /** Known to be down by the process before; asked while this one starts. */
  isDown(pool: string, backend: string): boolean;
  /** Before the first config is applied. */
  install(engine: NativeEngine): Step;
  /** It serves: it becomes who it is to be, and whoever was there before leaves. */
  settle(): Promise<Step>;
  /** It could not start. */
  fail(message: string): Promise<void>;
}

export interface EntryParts {
  readonly config: Config;
  readonly calls: ProcessCalls;
  readonly env: NodeJS.ProcessEnv;
  /** Started by hand to take over. */
  readonly takeOver: boolean;
  readonly version: string;
  readonly log: {
    info(message: string, fields?: object): void;
    warn(message: string, fields?: object): void;
  };
}

export type Entered =
  { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly message: string };

export async function enter({ config, calls, env, takeOver, version, log }: EntryParts): Promise<Entered> {
  const self = { user: process.geteuid?.() ?? 0, group: process.getegid?.() ?? 0 };
  const intent = intentOf(config, self, calls);
  if (!intent.ok) return intent;
  const { becomes } = intent;
  const arrival = await arrive({
    calls,
    env,
    asked: takeOver,
    socket: config.upgrade.socket,
    timeout: config.upgrade.timeout,
    product: version,
  });
  if (!arrival.ok) return arrival;
  const { heir } = arrival;
  const heritage = heir?.heritage;
  const inherited = inheritedSockets({
    config,
    heritage,
    calls,
    env,
    pid: process.pid,
    warn: (message) => log.warn(message, { event: 'socket-unused' }),
  });
  const down = new Set(heritage?.state.down.map(({ pool, backend }) => JSON.stringify([pool, backend])));
  let starting = true;

  function install(engine: NativeEngine): Step {
    if (becomes !== undefined) engine.setOwner(becomes.user, becomes.group);
    for (const listener of inherited.listeners) {
      try {
        engine.adopt(listener);
      } catch (error) {
        return { ok: false, message: `a listening socket cannot be taken over: ${describeError(error)}` };
      }
    }
    return { ok: true };
  }

  function drop(): Step {
    if (becomes === undefined) return { ok: true };
    const { file, access } = config.log;
    const written = [file, access.file].filter((each) => each !== '' && each !== STDOUT);
    const done = become(becomes, written, needsLowPorts(portsOf(config)), calls);
    if (!done.ok) return done;
    log.info(`runs as user ${config.user} from now on`, { event: 'privileges-dropped' });
    for (const line of outOfReach(config.file, written)) log.warn(line);
    return { ok: true };
  }

  async function settle(): Promise<Step> {
    starting = false;
    inherited.close();
    down.clear();
    const dropped = drop();
    if (!dropped.ok || heir === undefined) return dropped;
    const verdict = await heir.ready(config.listeners.flatMap(({ listen }) => listen));
    if (verdict.is === 'abandoned')
      return { ok: false, message: `the process that is there stays: ${verdict.message}` };
    const { pid, product } = heir.heritage;
    log.info(`took over from process ${pid} (version ${product})`, { event: 'upgraded', from: pid });
    return { ok: true };
  }

  return {
    ok: true,
    entry: {
      inherited,
      overrides: heritage?.state.overrides ?? [],
      opening: () => ({ replaces: starting && heir !== undefined, owner: becomes }),
      isDown: (pool, backend) => down.has(JSON.stringify([pool, backend])),
      install,
      settle,
      fail: async (message) => heir?.failed(message),
    },
  };
}

function portsOf({ listeners, admin, monitoring: { prometheus } }: Config): readonly number[] {
  const listened = listeners.flatMap(({ listen }) => listen.map(({ port }) => port));
  if (admin.port !== 0) listened.push(admin.port);
  if (prometheus.enabled) listened.push(prometheus.port);
  return listened;
}
