// What differs between two configs, as data: listeners and pools by name, backends by host and port within their pool,
// everything else by key. Says of each change whom it reaches. Pure; what is done about it is for others to decide.

import { isDeepStrictEqual } from 'node:util';

import type { Backend, Config, Listener, Pool } from './config.ts';
import { formatAddress } from './address.ts';
import type { AnySection, Reach } from './key.ts';
import { printText } from './kinds.ts';
import { sections } from './schema.ts';

export interface Change {
  /** `timeouts.connect`, from the thing that changed. */
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly reach: Reach;
  /** As in a config. */
  readonly text: { readonly from: string; readonly to: string };
}

export interface Changed {
  readonly name: string;
  readonly changes: readonly Change[];
}

export interface PoolChanged extends Changed {
  /** By `host:port`. */
  readonly backends: Differences<Changed>;
}

/** Names: of what only one side has, and of what both have and differs. */
export interface Differences<C> {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly C[];
}

export interface ConfigDiff {
  readonly process: readonly Change[];
  readonly listeners: Differences<Changed>;
  readonly pools: Differences<PoolChanged>;
}

/** The order of listeners, pools and backends, and which file they came from, are no differences. */
export function diffConfigs(before: Config, after: Config): ConfigDiff {
  return {
    process: changes(sections.process, before, after),
    listeners: differences(before.listeners, after.listeners, (item) => item.name, listenerChanged),
    pools: differences(before.pools, after.pools, (item) => item.name, poolChanged),
  };
}

export function isEmptyDiff({ process, listeners, pools }: ConfigDiff): boolean {
  return process.length === 0 && isSame(listeners) && isSame(pools);
}

/** One line for each difference; '' where there is none. */
export function formatDiff(diff: ConfigDiff): string {
  const lines = [
    ...diff.process.map((change) => changeLine('', change)),
    ...named('listener', diff.listeners, ({ name, changes }) =>
      changes.map((change) => changeLine(`listener ${printText(name)}: `, change)),
    ),
    ...named('pool', diff.pools, ({ name, changes, backends }) => {
      const pool = `pool ${printText(name)}: `;
      return [
        ...changes.map((change) => changeLine(pool, change)),
        ...named(`${pool}backend`, backends, (backend) =>
          backend.changes.map((change) => changeLine(`${pool}backend ${backend.name}: `, change)),
        ),
      ];
    }),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const REACHES: Readonly<Record<Reach, string>> = {
  live: 'open sessions too',
  new: 'new sessions',
  process: 'no session',
};

function changeLine(of: string, { key, text, reach }: Change): string {
  return `~ ${of}${key}: ${text.from} -> ${text.to} (${REACHES[reach]})`;
}

function named<C extends { readonly name: string }>(
  what: string,
  { added, removed, changed }: Differences<C>,
  lines: (item: C) => readonly string[],
): readonly string[] {
  const print = what.endsWith('backend') ? (name: string) => name : printText;
  return [
    ...removed.map((name) => `- ${what} ${print(name)}`),
    ...added.map((name) => `+ ${what} ${print(name)}`),
    ...changed.flatMap(lines),
  ];
}

function listenerChanged(before: Listener, after: Listener): Changed | undefined {
  const all = [
    // Sockets are opened and closed; sessions that came in by them stay.
    change('listen', before.listen, after.listen, 'new', (listen) => listen.map(formatAddress).join(', ')),
    change('pool', before.pool, after.pool, 'new', printText),
  ];
  const changed = [...all.flatMap((each) => each ?? []), ...changes(sections.listener, before, after)];
  return changed.length > 0 ? { name: after.name, changes: changed } : undefined;
}

function poolChanged(before: Pool, after: Pool): PoolChanged | undefined {
  const changed = changes(sections.pool, before, after);
  const backends = differences(before.backends, after.backends, formatAddress, backendChanged);
  return changed.length > 0 || !isSame(backends)
    ? { name: after.name, changes: changed, backends }
    : undefined;
}

function backendChanged(before: Backend, after: Backend): Changed | undefined {
  const changed = changes(sections.backend, before, after);
  return changed.length > 0 ? { name: formatAddress(after), changes: changed } : undefined;
}

function differences<T, C>(
  before: readonly T[],
  after: readonly T[],
  identity: (item: T) => string,
  compare: (before: T, after: T) => C | undefined,
): Differences<C> {
  const [old, now] = [before, after].map((items) => new Map(items.map((item) => [identity(item), item])));
  const changed: C[] = [];
  for (const [name, item] of now ?? []) {
    const earlier = old?.get(name);
    const found = earlier === undefined ? undefined : compare(earlier, item);
    if (found !== undefined) changed.push(found);
  }
  return {
    added: [...(now?.keys() ?? [])].filter((name) => !old?.has(name)),
    removed: [...(old?.keys() ?? [])].filter((name) => !now?.has(name)),
    changed,
  };
}

function isSame({ added, removed, changed }: Differences<unknown>): boolean {
  return added.length === 0 && removed.length === 0 && changed.length === 0;
}

function changes(section: AnySection, before: object, after: object, under = ''): readonly Change[] {
  const [old, now] = [before, after] as [
    Readonly<Record<string, unknown>>,
    Readonly<Record<string, unknown>>,
  ];
  return Object.entries(section.keys).flatMap(([name, part]): readonly Change[] => {
    const key = under + name;
    if (part.is === 'section') return changes(part, old[name] as object, now[name] as object, `${key}.`);
    const found = change(key, old[name], now[name], part.reach, (value) => part.kind.print(value));
    return found ? [found] : [];
  });
}

function change<T>(
  key: string,
  from: T,
  to: T,
  reach: Reach,
  print: (value: T) => string,
): Change | undefined {
  if (isDeepStrictEqual(from, to)) return undefined;
  return { key, from, to, reach, text: { from: print(from), to: print(to) } };
}
