// What people see first: where it listens, who serves, where the metrics are; and the arithmetic of descriptors, told
// before it bites. Pure text from the config and the host's figures.

import type { Config } from './config/config.ts';
import { workerCount } from './snapshot/build.ts';

function place(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `*:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function count(n: number, one: string): string {
  return `${n} ${n === 1 ? one : `${one}s`}`;
}

/** Lines for the terminal, without a newline at the end. */
export function banner(config: Config, cpus: readonly number[], maxWorkers: number, version: string): string {
  const workers = workerCount(config, cpus, maxWorkers);
  const lines = [`ultrabalancer-l4 ${version}: ${count(workers, 'worker')}, process ${process.pid}`];
  for (const listener of config.listeners) {
    const pool = config.pools.find((candidate) => candidate.name === listener.pool);
    const where = listener.listen.map((at) => place(at.host, at.port)).join(', ');
    lines.push(
      `  listener ${listener.name}: ${where} -> pool ${listener.pool} (${pool?.algorithm ?? ''}, ${count(pool?.backends.length ?? 0, 'backend')})`,
    );
  }
  const { prometheus } = config.monitoring;
  lines.push(
    prometheus.enabled
      ? `  metrics: http://${place(prometheus.host, prometheus.port)}${prometheus.path}`
      : '  metrics: off (monitoring.prometheus.enabled)',
  );
  const { socket, port, host, dashboard } = config.admin;
  if (socket !== '') lines.push(`  admin: ${socket} (ultrabalancer-l4 ctl, top)`);
  if (port !== 0)
    lines.push(
      dashboard
        ? `  dashboard: http://${place(host, port)}/ (asks for the token)`
        : `  admin: ${place(host, port)} (with the token)`,
    );
  return lines.join('\n');
}

/** Descriptors that the process needs beside sessions: Node's own, per worker, listening sockets, probes. */
const OWN_DESCRIPTORS = 40;
const PER_WORKER = 3;

export interface DescriptorNeed {
  readonly limit: number;
  /** With every listener at its max_connections. */
  readonly needed: number;
  /** Sessions that the limit allows. */
  readonly sessions: number;
}

/** undefined when the limit is enough, or not known. Two descriptors a session; pipes come and go and are optional. */
export function descriptorNeed(
  config: Config,
  cpus: readonly number[],
  maxWorkers: number,
  limit: number | undefined,
): DescriptorNeed | undefined {
  if (limit === undefined) return undefined;
  const workers = workerCount(config, cpus, maxWorkers);
  const addresses = config.listeners.reduce((sum, listener) => sum + listener.listen.length, 0);
  const fixed = OWN_DESCRIPTORS + workers * PER_WORKER + addresses * (workers * 2);
  const sessions = config.listeners.reduce((sum, listener) => sum + listener.max_connections, 0);
  const needed = fixed + 2 * sessions;
  return needed <= limit
    ? undefined
    : { limit, needed, sessions: Math.max(0, Math.floor((limit - fixed) / 2)) };
}

export function tellDescriptorNeed(need: DescriptorNeed): string {
  return (
    `the descriptor limit of ${need.limit} allows about ${need.sessions} sessions; max_connections asks for ${need.needed} descriptors: ` +
    `raise it (ulimit -n ${need.needed}, or LimitNOFILE=${need.needed} in the unit) or lower max_connections; until then the excess waits to be accepted`
  );
}
