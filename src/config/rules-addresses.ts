// Rules about addresses: nothing listens twice in the same place, and no session comes back to where it came in.

import type { Config } from './config.ts';
import { createAddressTable, formatAddress } from './address.ts';
import { quote } from './issue.ts';
import type { Path } from './origins.ts';
import type { Rule } from './rules.ts';

const listenersDiffer: Rule = ({ config, error }) => {
  const taken = createAddressTable<string>();
  for (const [index, listener] of config.listeners.entries()) {
    for (const address of listener.listen) {
      const other = taken.colliding(address);
      taken.add(address, listener.name);
      if (!other) continue;
      const by = other.owner === listener.name ? '' : ` by the listener ${quote(other.owner)}`;
      const every = other.address.host === '::' ? ', which is every address of both families' : '';
      const message = `${formatAddress(address)} is listened on already: as ${formatAddress(other.address)}${every}${by}`;
      error(['listeners', index, 'listen'], message);
    }
  }
};

const metricsHaveAPort: Rule = ({ config, error }) => {
  const { enabled, host, port, path } = config.monitoring.prometheus;
  if (!enabled) return;
  const at = ['monitoring', 'prometheus'];
  const taken = listenTable(config, (listener) => config.listeners[listener]?.name ?? '').colliding({
    host,
    port,
  });
  if (taken) {
    const where = formatAddress({ host, port });
    error(
      [...at, 'port'],
      `the metrics cannot be served on ${where}: the listener ${quote(taken.owner)} is there`,
    );
  }
  if (path === '/healthz' || path === '/readyz') {
    error([...at, 'path'], `${path} is taken: it answers whether the process is alive or ready`);
  }
};

/**
 * A backend that leads, over however many listeners, to the listener that its sessions came from: one session would
 * become as many as there are descriptors. Such a backend is part of a circle in the graph of listeners and pools.
 */
const noCircles: Rule = ({ config, error }) => {
  const listeners = config.listeners.length;
  const pools = new Map(config.pools.map((pool, index) => [pool.name, listeners + index]));
  const table = listenTable(config, (listener) => listener);
  const next: Set<number>[] = [
    ...config.listeners.map(({ pool }) => new Set([pools.get(pool) ?? []].flat())),
    ...config.pools.map(() => new Set<number>()),
  ];
  const edges: { readonly pool: number; readonly listener: number; readonly path: Path }[] = [];
  for (const [pool, { backends }] of config.pools.entries()) {
    for (const [at, backend] of backends.entries()) {
      const target = table.answering(backend);
      if (!target) continue;
      edges.push({ pool, listener: target.owner, path: ['pools', pool, 'backends', at] });
      next[listeners + pool]?.add(target.owner);
    }
  }
  const circle = edges.length > 0 ? circlesOf(next) : [];
  for (const { pool, listener, path } of edges) {
    if (circle[listeners + pool] !== circle[listener]) continue;
    const name = quote(config.listeners[listener]?.name ?? '');
    const direct = config.listeners[listener]?.pool === config.pools[pool]?.name;
    error(
      path,
      `this backend is the listener ${name}${direct ? ' itself' : ', whose sessions come back here'}`,
    );
  }
};

/** For each node a number that it shares with exactly those nodes that it reaches and that reach it (Tarjan). */
function circlesOf(next: readonly ReadonlySet<number>[]): readonly number[] {
  const order = new Map<number, number>();
  const circle = new Array<number>(next.length).fill(-1);
  const open: number[] = [];
  function visit(node: number): number {
    let lowest = order.size;
    order.set(node, lowest);
    open.push(node);
    for (const further of next[node] ?? []) {
      const seen = order.get(further);
      if (seen === undefined) lowest = Math.min(lowest, visit(further));
      else if (circle[further] === -1) lowest = Math.min(lowest, seen);
    }
    if (lowest === order.get(node)) {
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        circle[member] = node;
        if (member === node) break;
      }
    }
    return lowest;
  }
  for (const node of next.keys()) if (!order.has(node)) visit(node);
  return circle;
}

export function listenTable<T>(
  config: Config,
  owner: (listener: number) => T,
): ReturnType<typeof createAddressTable<T>> {
  const table = createAddressTable<T>();
  for (const [index, listener] of config.listeners.entries()) {
    for (const address of listener.listen) table.add(address, owner(index));
  }
  return table;
}

export const addressRules: readonly Rule[] = [listenersDiffer, metricsHaveAPort, noCircles];
