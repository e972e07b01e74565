// The two forms of a file, and the one place where they become one: the flat form is the full form with one listener
// and one pool, both named `default`. What a listener or a pool does not say comes from the top level of the file, and
// else from the schema. Takes what the schema has let through; judges nothing but the form.

import { dirname, isAbsolute, resolve } from 'node:path';

import {
  type AdminSettings,
  type Config,
  type HealthCheckSettings,
  type Listener,
  type ListenerSettings,
  type Pool,
  type PoolSettings,
  type ProcessSettings,
  STDOUT,
} from './config.ts';
import { createFiller, type Layer, type Unused } from './fill.ts';
import type { Problem, Span } from './issue.ts';
import { createOrigins, type Origins, type Path } from './origins.ts';
import { sections, topLevelKeys, type WrittenFile } from './schema.ts';
import type { Entry, Located } from './yaml.ts';

export type Form = 'flat' | 'full';

export interface Completed {
  readonly form: Form;
  readonly config: Config;
  readonly origins: Origins;
  /** Keys at the top level that no listener and no pool takes, since all of them set their own. */
  readonly unused: readonly Unused[];
}

/** The name of the one listener and of the one pool of a flat file. */
export const FLAT_NAME = 'default';

const FAST_INTERVAL_MS = 1000;
const FLAT_KEYS = ['listen', 'backends'];
const FULL_KEYS = ['listeners', 'pools'];

/** What is wrong with the form: both at once, or one of them in part. */
export function formProblems(root: Located): readonly Problem[] {
  const [flat, full] = [FLAT_KEYS, FULL_KEYS].map((names) => names.filter((name) => root.entries.has(name)));
  const mixed = flat && full && flat.length > 0 && full.length > 0;
  if (mixed) {
    const others = full.map((name) => `'${name}'`).join(' and ');
    return flat.map((name) => ({
      span: root.entries.get(name)?.key ?? root,
      message: `'${name}' is of the flat form and ${others} of the full form; a config has one form`,
    }));
  }
  const wanted = full && full.length > 0 ? FULL_KEYS : FLAT_KEYS;
  const missing = wanted.filter((name) => !root.entries.has(name));
  return missing.map((name) => ({
    span: { start: root.start, end: root.start },
    message: `'${name}' is missing: a config has listen and backends (flat form), or listeners and pools (full form)`,
  }));
}

/** `file` is what the schema made of `root`, whose form is right. */
export function complete(name: string, file: WrittenFile, root: Located): Completed {
  const form: Form = file.listeners ? 'full' : 'flat';
  const origins = createOrigins();
  const filler = createFiller(origins);
  const top: Layer = { value: file, node: root, inherited: form === 'full' };
  const directory = dirname(name);

  function listener(item: string, own: Entry | undefined, index: number): Listener {
    const path = ['listeners', index];
    const written = file.listeners?.get(item);
    note(path, own?.key ?? root.entries.get('listen')?.key);
    for (const each of ['listen', 'pool']) note([...path, each], (own?.node ?? root).entries.get(each)?.node);
    const layers = written && own ? [{ value: written, node: own.node, inherited: false }, top] : [top];
    return {
      name: item,
      pool: written?.pool ?? FLAT_NAME,
      listen: written?.listen ?? file.listen ?? [],
      ...(filler.fill(sections.listener, layers, path) as unknown as ListenerSettings),
    };
  }

  function pool(item: string, own: Entry | undefined, index: number): Pool {
    const path = ['pools', index];
    const written = file.pools?.get(item);
    const list = (own?.node ?? root).entries.get('backends');
    note(path, own?.key ?? list?.key);
    note([...path, 'backends'], list?.node);
    const backends = (written?.backends ?? file.backends ?? []).map((value, at) => {
      const node = list?.node.entries.get(at)?.node ?? root;
      note([...path, 'backends', at], node);
      return filler.fill(sections.backend, [{ value, node, inherited: false }], [...path, 'backends', at]);
    });
    const layers = written && own ? [{ value: written, node: own.node, inherited: false }, top] : [top];
    const settings = filler.fill(sections.pool, layers, path) as unknown as PoolSettings;
    return {
      name: item,
      ...settings,
      health_checks: completeChecks(settings.health_checks, directory),
      backends: backends as unknown as Pool['backends'],
    };
  }

  function note(path: Path, place: Span | undefined): void {
    if (place) origins.set(path, { start: place.start, end: place.end, inherited: false });
  }

  const settings = filler.fill(
    sections.process,
    [{ ...top, inherited: false }],
    [],
  ) as unknown as ProcessSettings;
  const config: Config = {
    file: name,
    ...settings,
    log: completeLog(settings.log, directory),
    admin: completeAdmin(settings.admin, directory),
    upgrade: { ...settings.upgrade, socket: absolute(settings.upgrade.socket, directory) },
    listeners: named(root, 'listeners').map(([item, entry], index) => listener(item, entry, index)),
    pools: named(root, 'pools').map(([item, entry], index) => pool(item, entry, index)),
  };
  return { form, config, origins, unused: filler.untaken(topLevelKeys, root) };
}

/** The items of a map of names in the order of the file; of a flat file the one that it stands for. */
function named(root: Located, key: 'listeners' | 'pools'): readonly (readonly [string, Entry | undefined])[] {
  const entries = root.entries.get(key)?.node.entries;
  return entries
    ? [...entries].map(([name, entry]) => [String(name), entry] as const)
    : [[FLAT_NAME, undefined]];
}

/** Files are found from where the config is, not from where the process was started. */
function completeChecks(checks: HealthCheckSettings, directory: string): HealthCheckSettings {
  const [program, ...rest] = checks.command;
  const relative = program !== undefined && program.includes('/') && !isAbsolute(program);
  return {
    ...checks,
    fast_interval:
      checks.fast_interval === 0 ? Math.min(checks.interval, FAST_INTERVAL_MS) : checks.fast_interval,
    command: relative ? [resolve(directory, program), ...rest] : checks.command,
    module: absolute(checks.module, directory),
  };
}

function completeLog(log: Config['log'], directory: string): Config['log'] {
  const { file } = log.access;
  const access = file === STDOUT || file === '-' ? STDOUT : absolute(file, directory);
  return { ...log, file: absolute(log.file, directory), access: { ...log.access, file: access } };
}

function completeAdmin(admin: AdminSettings, directory: string): AdminSettings {
  return {
    ...admin,
    socket: absolute(admin.socket, directory),
    token_file: absolute(admin.token_file, directory),
  };
}

function absolute(file: string, directory: string): string {
  return file === '' ? '' : resolve(directory, file);
}
