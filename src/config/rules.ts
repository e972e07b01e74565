// What one key asks of another, as plain functions in one list: each gets the completed config and says what is wrong
// with it and where. The schema has seen every value on its own before. Pure but for `exists`, which is passed in.

import { isDeepStrictEqual } from 'node:util';

import type { Config, HealthCheckSettings, Pool } from './config.ts';
import { canonicalHost, formatAddress } from './address.ts';
import { addressRules } from './rules-addresses.ts';
import { adminRules } from './rules-admin.ts';
import { drainRules } from './rules-drain.ts';
import { quote } from './issue.ts';
import { presetOf } from './key.ts';
import { nearest } from './nearest.ts';
import type { Origins, Path } from './origins.ts';
import { healthCheckSection } from './schema-pool.ts';

export interface RuleContext {
  readonly config: Config;
  readonly origins: Origins;
  /** Whether a file is there. */
  exists(file: string): boolean;
  error(path: Path, message: string): void;
  warn(path: Path, message: string): void;
}

export type Rule = (context: RuleContext) => void;

const poolsAreThere: Rule = ({ config, error }) => {
  const names = config.pools.map((pool) => pool.name);
  for (const [index, listener] of config.listeners.entries()) {
    if (names.includes(listener.pool)) continue;
    const meant = nearest(listener.pool, names);
    const advice = meant === undefined ? '' : `; did you mean ${quote(meant)}?`;
    error(
      ['listeners', index, 'pool'],
      `listener ${quote(listener.name)}: there is no pool ${quote(listener.pool)}${advice}`,
    );
  }
};

const poolsAreUsed: Rule = ({ config, warn }) => {
  const used = new Set(config.listeners.map((listener) => listener.pool));
  for (const [index, pool] of config.pools.entries()) {
    if (!used.has(pool.name)) warn(['pools', index], `no listener uses the pool ${quote(pool.name)}`);
  }
};

const backendsDiffer: Rule = ({ config, error }) => {
  eachPool(config, (pool, path) => {
    const first = new Map<string, number>();
    for (const [at, backend] of pool.backends.entries()) {
      const id = formatAddress({ host: canonicalHost(backend.host), port: backend.port });
      const earlier = first.get(id);
      if (earlier === undefined) first.set(id, at);
      else
        error(
          [...path, 'backends', at],
          `the backend ${quote(formatAddress(backend))} comes twice in a pool; the first is number ${earlier + 1}`,
        );
    }
  });
};

const somebodyServes: Rule = ({ config, error }) => {
  eachPool(config, (pool, path) => {
    if (pool.backends.some((backend) => backend.weight > 0)) return;
    error(
      [...path, 'backends'],
      `every backend of the pool ${quote(pool.name)} has weight 0: none may take a session`,
    );
  });
};

const sizesFit: Rule = ({ config, origins, error }) => {
  const inOrder = (
    path: Path,
    values: Readonly<Record<string, unknown>>,
    least: string,
    most: string,
  ): void => {
    const [low, high] = [Number(values[least]), Number(values[most])];
    // Where one of them is a default the other is at fault.
    const at = origins.of([...path, least]) ? least : most;
    if (low > high) error([...path, at], `${least} is above ${most}`);
  };
  for (const [index, listener] of config.listeners.entries()) {
    inOrder(['listeners', index], { ...listener }, 'buffer_size', 'max_buffer_size');
  }
  eachPool(config, (pool, path) => {
    inOrder([...path, 'connection_pool'], { ...pool.connection_pool }, 'min_size', 'max_size');
    const checks = pool.health_checks;
    if (checks.enabled) inOrder([...path, 'health_checks'], { ...checks }, 'fast_interval', 'interval');
  });
  inOrder(['dns'], config.dns, 'min_ttl', 'max_ttl');
};

const probesEnd: Rule = ({ config, origins, warn }) => {
  eachPool(config, ({ health_checks: checks }, pool) => {
    const path = [...pool, 'health_checks', 'timeout'];
    // A default that meets a shorter interval is nothing that anybody asked for.
    if (checks.enabled && checks.timeout > checks.interval && origins.of(path)) {
      warn(path, 'health_checks.timeout is above interval: a slow probe delays the next one');
    }
  });
};

/** Keys that only one type of check reads. Those of custom checks say what to run: they cannot have been meant idly. */
const KEYS_OF_TYPES = [
  { type: 'http', names: ['path', 'expected_status', 'host'], refused: false },
  { type: 'custom', names: ['command', 'module', 'cache'], refused: true },
] as const;

const checkKeysAreRead: Rule = ({ config, origins, error, warn }) => {
  const pools = config.pools.map((pool, index) => ({
    checks: pool.health_checks,
    path: ['pools', index, 'health_checks'],
  }));
  const enabled = pools.filter(({ checks }) => checks.enabled);
  for (const { type, names, refused } of KEYS_OF_TYPES) {
    const read = enabled.some(({ checks }) => checks.check_type === type);
    for (const name of names) {
      for (const { checks, path } of enabled.filter((each) => each.checks.check_type !== type)) {
        const origin = origins.of([...path, name]);
        // Spelling a default out is harmless: many copy a whole section and change a line of it.
        if (!origin || isPreset(name, checks[name]) || (origin.inherited && read)) continue;
        const message = `health_checks.${name} needs check_type: ${type}; it is ${checks.check_type}`;
        if (refused) error([...path, name], message);
        else warn([...path, name], message);
      }
    }
  }
};

const customChecksAreWhole: Rule = ({ config, exists, error }) => {
  eachPool(config, ({ health_checks: checks }, pool) => {
    if (!checks.enabled || checks.check_type !== 'custom') return;
    const path = [...pool, 'health_checks'];
    const [program] = checks.command;
    if (program !== undefined && checks.module !== '') {
      error([...path, 'module'], 'health_checks has both command and module; a custom check is one of them');
    } else if (program === undefined && checks.module === '') {
      error([...path, 'check_type'], 'health_checks.check_type custom needs a command or a module');
    } else {
      const [name, file] = program === undefined ? ['module', checks.module] : ['command', program];
      // A program without a / is looked for in PATH when it is run.
      if (file.includes('/') && !exists(file)) error([...path, name], `there is no file ${quote(file)}`);
    }
  });
};

const logsAreApart: Rule = ({ config, error }) => {
  const { file, access } = config.log;
  if (access.file === '' || access.file !== file) return;
  error(['log', 'access', 'file'], 'the access log needs a file of its own: log.file has this one');
};

/** All rules, in no particular order. */
export const rules: readonly Rule[] = [
  poolsAreThere,
  poolsAreUsed,
  backendsDiffer,
  somebodyServes,
  sizesFit,
  probesEnd,
  checkKeysAreRead,
  customChecksAreWhole,
  logsAreApart,
  ...addressRules,
  ...adminRules,
  ...drainRules,
];

function isPreset(name: keyof HealthCheckSettings, value: unknown): boolean {
  const part = healthCheckSection.keys[name];
  return part.is === 'key' && isDeepStrictEqual(presetOf<unknown>(part), value);
}

function eachPool(config: Config, visit: (pool: Pool, path: Path) => void): void {
  for (const [index, pool] of config.pools.entries()) visit(pool, ['pools', index]);
}
