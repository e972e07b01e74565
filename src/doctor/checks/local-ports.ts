// Local ports for connections to backends. One address of a backend and one of ours have as many connections as there
// are local ports; those in TIME_WAIT count unless they may be taken again.

import { TIME_WAIT_SECONDS } from '../costs.ts';
import type { BackendDemand, Case } from '../demand.ts';
import { type Finding, inConfig, type Remedy, setSysctl } from '../finding.ts';

const LOWEST_SENSIBLE = 10_000;
const LOWEST = 1024;
const HIGHEST = 65_535;

/** How many ports the kernel may choose from, undefined where that is not known. */
export function portCount({ facts }: Case): number | undefined {
  const { localPorts, reservedPorts } = facts.kernel;
  if (localPorts === undefined) return undefined;
  const [from, to] = localPorts;
  const reserved = (reservedPorts ?? []).filter((port) => port >= from && port <= to).length;
  return Math.max(0, to - from + 1 - reserved);
}

function morePorts(about: Case, needed: number): readonly Remedy[] {
  const [from = HIGHEST, to = HIGHEST] = about.facts.kernel.localPorts ?? [];
  const reserved = about.facts.kernel.reservedPorts ?? [];
  for (const lowest of [LOWEST_SENSIBLE, LOWEST]) {
    const low = Math.min(from, lowest);
    const lost = reserved.filter((port) => port >= low && port <= HIGHEST).length;
    const gained = HIGHEST - low + 1 - lost;
    if (gained >= needed && (low < from || to < HIGHEST))
      return [setSysctl('net.ipv4.ip_local_port_range', `${low} ${HIGHEST}`)];
  }
  return [];
}

function limitBackend({ key }: BackendDemand, ports: number): Remedy {
  const at = key.lastIndexOf(':');
  const host = key.slice(0, at).replace(/^\[(.*)\]$/, '"$1"');
  return inConfig(`- { host: ${host}, port: ${key.slice(at + 1)}, max_connections: ${ports} }`);
}

export function portsPerBackend(about: Case): readonly Finding[] {
  const ports = portCount(about);
  if (ports === undefined) return [];
  const range = about.facts.kernel.localPorts?.join(' to ') ?? '';
  return about.demand.backends.flatMap((backend): Finding[] => {
    const free = Math.max(0, ports - backend.warm);
    const warm = backend.warm > 0 ? `, ${backend.warm} of them for connections kept ready` : '';
    const basis = `${ports} local ports (${range})${warm}; pool ${backend.pool}.`;
    if (backend.share > free) {
      return [
        {
          id: 'local-ports',
          severity: 'break',
          onset: { kind: 'backend-sessions', count: free, backend: backend.key },
          title: `Local ports to ${backend.key} run out at ${free} of its ${backend.share} sessions`,
          detail: `${basis} Connects beyond that fail and go to other backends, if those have room.`,
          remedies: [...morePorts(about, backend.share + backend.warm), limitBackend(backend, free)],
        },
      ];
    }
    if (backend.alone > free) {
      return [
        {
          id: 'local-ports-when-alone',
          severity: 'warning',
          onset: { kind: 'backend-sessions', count: free, backend: backend.key },
          title: `Local ports to ${backend.key} run out at ${free} sessions if it has to serve all ${backend.alone}`,
          detail: `${basis} Its share is ${backend.share}; with the others down or full it gets more than its ports can carry.`,
          remedies: [...morePorts(about, backend.alone + backend.warm), limitBackend(backend, free)],
        },
      ];
    }
    return [];
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

export function timeWait(about: Case): readonly Finding[] {
  const ports = portCount(about);
  const reuse = about.facts.kernel.reuseTimeWait;
  if (ports === undefined || reuse === undefined || reuse === 1) return [];
  // 2 lets connections within the machine take them again, and no others.
  const backend = about.demand.backends.find(({ host }) => reuse === 0 || !isLoopback(host));
  if (backend === undefined) return [];
  return [
    {
      id: 'time-wait',
      severity: 'advice',
      onset: { kind: 'backend-rate', perSecond: Math.floor(ports / TIME_WAIT_SECONDS), backend: backend.key },
      title: 'Ports of ended sessions are blocked for a minute',
      detail: `net.ipv4.tcp_tw_reuse is ${reuse}. Where clients end their sessions first, the connection to the backend leaves its local port in TIME_WAIT for ${TIME_WAIT_SECONDS} s: ${ports} ports serve ${Math.floor(ports / TIME_WAIT_SECONDS)} new sessions a second to each backend.`,
      remedies: [setSysctl('net.ipv4.tcp_tw_reuse', 1)],
    },
  ];
}
