// What one key asks of another, as plain functions in one list: each gets the completed config and says what is wrong
// with it and where. The schema has seen every value on its own before. Pure but for `exists`, which is passed in.

import type { Config, HealthCheckSettings, Pool } from './config.ts';
import { canonicalHost, formatAddress } from './address.ts';
import { addressRules } from './rules-addresses.ts';
import { quote } from './issue.ts';
import { nearest } from './nearest.ts';
import type { Origins, Path } from './origins.ts';

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
    error(['listeners', index, 'pool'], `listener ${quote(listener.name)}: there is no pool ${quote(listener.pool)}${advice}`);
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
      else error([...path, 'backends', at], `the backend ${quote(formatAddress(backend))} comes twice in a pool; the first is number ${earlier + 1}`);
    }
  });
};

const somebodyServes: Rule = ({ config, error }) => {
  eachPool(config, (pool, path) => {
    if (pool.backends.some((backend) => backend.weight > 0)) return;
    error([...path, 'backends'], `every backend of the pool ${quote(pool.name)} has weight 0: none may take a session`);
  });
};

const sizesFit: Rule = ({ config, origins, error }) => {
  const inOrder = (path: Path, values: Readonly<Record<string, unknown>>, least: string, most: string): void => {
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

const checksFit: Rule = (context) => {
  eachPool(context.config, (pool, path) => {
    if (pool.health_checks.enabled) probesFit(context, pool.health_checks, [...path, 'health_checks']);
  });
};

function probesFit({ origins, warn }: RuleContext, checks: HealthCheckSettings, path: Path): void {
  const at = (name: keyof HealthCheckSettings): Path => [...path, name];
  if (checks.timeout > checks.interval) {
    // The defaults of both may meet a shorter interval: then nothing was asked for that is not kept.
    if (origins.of(at('timeout'))) warn(at('timeout'), 'health_checks.timeout is above interval: a slow probe delays the next one');
  }
  if (checks.check_type !== 'http') {
    for (const name of ['path', 'expected_status', 'host'] as const) {
      if (isOwn(origins, at(name))) warn(at(name), `health_checks.${name} is not used: check_type is ${checks.check_type}`);
    }
  }
}

const customChecksAreWhole: Rule = ({ config, origins, exists, error }) => {
  eachPool(config, ({ health_checks: checks }, pool) => {
    const path = [...pool, 'health_checks'];
    const given = (['command', 'module'] as const).filter((name) => checks[name].length > 0);
    if (checks.check_type !== 'custom') {
      for (const name of ['command', 'module', 'cache'] as const) {
        if (isOwn(origins, [...path, name])) error([...path, name], `health_checks.${name} needs check_type: custom; it is ${checks.check_type}`);
      }
      return;
    }
    if (given.length === 2) error([...path, 'module'], 'health_checks has both command and module; a custom check is one of them');
    if (given.length === 0) error([...path, 'check_type'], 'health_checks.check_type custom needs a command or a module');
    const [program] = checks.command;
    const file = checks.module === '' ? program : checks.module;
    if (given.length === 1 && file?.includes('/') === true && !exists(file)) {
      error([...path, given[0] ?? 'module'], `there is no file ${quote(file)}`);
    }
  });
};

/** All rules, in no particular order. */
export const rules: readonly Rule[] = [
  poolsAreThere,
  poolsAreUsed,
  backendsDiffer,
  somebodyServes,
  sizesFit,
  checksFit,
  customChecksAreWhole,
  ...addressRules,
];

/** Set, and not as a default for many: only then somebody meant this very pool. */
function isOwn(origins: Origins, path: Path): boolean {
  return origins.of(path)?.inherited === false;
}

function eachPool(config: Config, visit: (pool: Pool, path: Path) => void): void {
  for (const [index, pool] of config.pools.entries()) visit(pool, ['pools', index]);
}
