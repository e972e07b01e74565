// Rules about addresses: nothing listens twice in the same place, and no session comes back to where it came in.

import type { Config, HostPort } from './config.ts';
import { collide, formatAddress, leadsTo } from './address.ts';
import { quote } from './issue.ts';
import type { Path } from './origins.ts';
import type { Rule } from './rules.ts';

interface Bound {
  readonly address: HostPort;
  readonly path: Path;
  readonly listener: string;
}

const listenersDiffer: Rule = ({ config, error }) => {
  const earlier = new Map<number, Bound[]>();
  for (const bound of boundAddresses(config)) {
    const same = earlier.get(bound.address.port) ?? [];
    const other = same.find(({ address }) => collide(address, bound.address));
    if (other) error(bound.path, `${formatAddress(bound.address)} is listened on already: ${covering(other, bound)}`);
    earlier.set(bound.address.port, [...same, bound]);
  }
};

function covering(other: Bound, bound: Bound): string {
  const by = other.listener === bound.listener ? '' : ` by the listener ${quote(other.listener)}`;
  const every = other.address.host === '::' ? ', which is every address of both families' : '';
  return `as ${formatAddress(other.address)}${every}${by}`;
}

const metricsHaveAPort: Rule = ({ config, error }) => {
  const { enabled, host, port, path } = config.monitoring.prometheus;
  if (!enabled) return;
  const at = ['monitoring', 'prometheus'];
  const taken = boundAddresses(config).find(({ address }) => collide(address, { host, port }));
  if (taken) error([...at, 'port'], `the metrics cannot be served on ${formatAddress({ host, port })}: the listener ${quote(taken.listener)} is there`);
  if (path === '/healthz' || path === '/readyz') error([...at, 'path'], `${path} is taken: it answers whether the process is alive or ready`);
};

/**
 * A backend that leads, over however many listeners, to the listener that its sessions came from. One session would
 * become as many as there are descriptors.
 */
const noCircles: Rule = ({ config, error }) => {
  const bound = boundAddresses(config);
  const byPort = new Map<number, Bound[]>();
  for (const each of bound) byPort.set(each.address.port, [...(byPort.get(each.address.port) ?? []), each]);
  const next = new Map<string, Set<string>>(); // listener -> listeners that its backends are
  const edges: { readonly from: string; readonly to: string; readonly path: Path }[] = [];
  for (const [index, pool] of config.pools.entries()) {
    const users = config.listeners.filter((listener) => listener.pool === pool.name);
    for (const [at, backend] of pool.backends.entries()) {
      const target = byPort.get(backend.port)?.find(({ address }) => leadsTo(backend, address));
      if (!target) continue;
      for (const { name } of users) {
        edges.push({ from: name, to: target.listener, path: ['pools', index, 'backends', at] });
        next.set(name, (next.get(name) ?? new Set()).add(target.listener));
      }
    }
  }
  const told = new Set<string>();
  for (const { from, to, path } of edges) {
    if (!reaches(next, to, from) || told.has(path.join())) continue;
    told.add(path.join());
    error(path, from === to ? `this backend is the listener ${quote(to)} itself` : `this backend leads back to the listener ${quote(from)}, by way of ${quote(to)}`);
  }
};

function reaches(next: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const name of seen) {
    if (name === to) return true;
    for (const further of next.get(name) ?? []) seen.add(further);
  }
  return false;
}

function boundAddresses(config: Config): readonly Bound[] {
  return config.listeners.flatMap((listener, index) =>
    listener.listen.map((address): Bound => ({ address, path: ['listeners', index, 'listen'], listener: listener.name })),
  );
}

export const addressRules: readonly Rule[] = [listenersDiffer, metricsHaveAPort, noCircles];
