// What a program hands in as a config: a plain object in the form of a file (flat or full), or the name of a file. An
// object goes the way of a file: it is printed as JSON and read by the same parser, schema and rules, so that there is
// one truth about what a config may say, and problems have a line that can be shown.

import type {
  Algorithm,
  Backend,
  Config,
  ConnectionPoolSettings,
  HealthCheckSettings,
  ListenerSettings,
  ListenerSocketSettings,
  PoolSettings,
  ProcessSettings,
  SocketSettings,
} from '../config/config.ts';
import { loadConfigFile, loadConfigText, type LoadResult } from '../config/load.ts';

/** As in a file: every key may be left out, times and sizes may have units (`'250ms'`, `'64KiB'`). */
type Written<T> = T extends number
  ? number extends T
    ? number | string
    : T
  : T extends string | boolean
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Item[]
      : { readonly [K in keyof T]?: Written<T[K]> | undefined };

type StatusCodes = number | string | readonly (number | string)[];

/** A port, `address:port`, or several of those. */
export type ListenInput = number | string | readonly (number | string)[];

export type BackendInput = Pick<Backend, 'host' | 'port'> & Partial<Omit<Backend, 'host' | 'port'>>;

export interface HealthCheckInput extends Omit<Written<HealthCheckSettings>, 'expected_status'> {
  readonly expected_status?: StatusCodes | undefined;
}

export type ListenerSettingsInput = Written<ListenerSettings>;

export interface PoolSettingsInput {
  readonly algorithm?: Algorithm | undefined;
  readonly panic_threshold?: PoolSettings['panic_threshold'] | undefined;
  readonly connection_pool?: Written<ConnectionPoolSettings> | undefined;
  readonly health_checks?: HealthCheckInput | undefined;
  readonly connection_settings?: Written<SocketSettings> | undefined;
}

export interface ListenerInput extends ListenerSettingsInput {
  readonly listen: ListenInput;
  readonly pool: string;
}

export interface PoolInput extends PoolSettingsInput {
  readonly backends: readonly BackendInput[];
}

/** What both forms have at the top level: the process, and defaults of every listener and pool. */
export interface CommonInput
  extends
    Written<ProcessSettings>,
    Omit<ListenerSettingsInput, 'connection_settings'>,
    Omit<PoolSettingsInput, 'connection_settings'> {
  readonly connection_settings?: Written<ListenerSocketSettings> | undefined;
}

/** One listener and one pool, both named `default`. */
export interface FlatConfig extends CommonInput {
  readonly listen: ListenInput;
  readonly backends: readonly BackendInput[];
}

export interface FullConfig extends CommonInput {
  readonly listeners: Readonly<Record<string, ListenerInput>>;
  readonly pools: Readonly<Record<string, PoolInput>>;
}

/** The same keys as in a file: docs/configuration.md. */
export type ConfigInput = FlatConfig | FullConfig;

/** What problems of an object are said to be in. */
const OBJECT_NAME = '(config)';

/** Never throws: what cannot be printed as JSON is a problem like others. */
export function loadInput(input: ConfigInput | string): LoadResult {
  if (typeof input === 'string') return forEmbedding(loadConfigFile(input));
  const printed = printInput(input);
  return printed.ok ? forEmbedding(loadConfigText(OBJECT_NAME, printed.text)) : refused(printed.message);
}

/** The program around it has these things in its own hands: a key for one of them must not be passed over in silence. */
const NOT_EMBEDDED: readonly {
  readonly key: string;
  readonly isSet: (config: Config) => boolean;
  readonly why: string;
}[] = [
  {
    key: 'admin',
    isSet: ({ admin }) => admin.socket !== '' || admin.port !== 0,
    why: 'an embedded balancer opens no admin interface; its methods do what that does',
  },
  {
    key: 'upgrade',
    isSet: ({ upgrade }) => upgrade.socket !== '',
    why: 'an embedded balancer hands over to nobody; the program around it is what has to be upgraded',
  },
  {
    key: 'user',
    isSet: ({ user }) => user !== '',
    why: 'an embedded balancer is whoever the program around it is',
  },
];

function forEmbedding(loaded: LoadResult): LoadResult {
  if (!loaded.ok) return loaded;
  const stray = NOT_EMBEDDED.find(({ isSet }) => isSet(loaded.config));
  if (stray === undefined) return loaded;
  const issue = { span: loaded.origins.near([stray.key]), message: `${stray.key}: ${stray.why}` };
  return { ok: false, issues: loaded.source.issues([issue]) };
}

type Printed =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

function printInput(input: ConfigInput): Printed {
  try {
    const text = JSON.stringify(input, refuseCode, 2) as string | undefined;
    return text === undefined ? { ok: false, message: 'expected a config' } : { ok: true, text };
  } catch (error) {
    return {
      ok: false,
      message: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    };
  }
}

/** JSON would leave these out without a word. */
function refuseCode(key: string, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`'${key}' is a ${typeof value}: a config is data; functions go into the options`);
  }
  return value;
}

function refused(message: string): LoadResult {
  const issue = { file: OBJECT_NAME, line: 1, column: 1, message, excerpt: '', mark: { at: 0, length: 1 } };
  return { ok: false, issues: [issue] };
}
