// Where connections come in: ports that may be bound, queues, and what happens to those who wait in them.

import type { Case } from '../demand.ts';
import { mayUse } from '../facts.ts';
import { formatList } from '../files.ts';
import { type Finding, inConfig, setSysctl } from '../finding.ts';

export function backlogs({ config, facts, demand }: Case): readonly Finding[] {
  const { somaxconn, synBacklog, synCookies } = facts.kernel;
  const findings: Finding[] = [];
  const cut =
    somaxconn === undefined ? [] : config.listeners.filter((listener) => listener.backlog > somaxconn);
  if (somaxconn !== undefined && cut.length > 0) {
    const most = Math.max(...cut.map((listener) => listener.backlog));
    findings.push({
      id: 'backlog',
      severity: 'warning',
      // Each worker has a socket, and a queue, of its own; a busy one does not lend room to another.
      onset: { kind: 'burst', count: (somaxconn + 1) * demand.workers },
      title: `backlog ${most} is cut to ${somaxconn}`,
      detail: `net.core.somaxconn is ${somaxconn}, and the kernel says nothing when it cuts (${cut.map((l) => `${l.name}: ${l.backlog}`).join(', ')}). A burst beyond it loses SYNs; those clients try again after one second.`,
      remedies: [setSysctl('net.core.somaxconn', most), inConfig(`backlog: ${somaxconn}`)],
    });
  }
  const most = Math.max(0, ...config.listeners.map((listener) => listener.backlog));
  if (synCookies === 0 && synBacklog !== undefined && synBacklog < most) {
    findings.push({
      id: 'syn-backlog',
      severity: 'warning',
      onset: { kind: 'burst', count: Math.floor(synBacklog * 0.75) },
      title: 'A burst of handshakes is dropped: SYN cookies are off',
      detail: `net.ipv4.tcp_max_syn_backlog is ${synBacklog}, below the backlog of ${most}, and without cookies its last quarter is kept for peers that are known.`,
      remedies: [setSysctl('net.ipv4.tcp_syncookies', 1), setSysctl('net.ipv4.tcp_max_syn_backlog', most)],
    });
  }
  return findings;
}

export function migration({ facts }: Case): readonly Finding[] {
  if (facts.kernel.migrateRequests !== 0) return [];
  return [
    {
      id: 'migrate-requests',
      severity: 'advice',
      onset: { kind: 'always' },
      title: 'A slow handshake is reset when its socket closes',
      detail:
        'net.ipv4.tcp_migrate_req is 0. After a reload with fewer workers, surplus sockets close once nobody has come for two seconds; a handshake that takes longer than that is reset when it ends.',
      remedies: [setSysctl('net.ipv4.tcp_migrate_req', 1)],
    },
  ];
}

function boundPorts({ config }: Case): readonly { readonly port: number; readonly what: string }[] {
  const ports = config.listeners.flatMap((listener) =>
    listener.listen.map(({ port }) => ({ port, what: `listener ${listener.name}` })),
  );
  const { enabled, port } = config.monitoring.prometheus;
  return enabled ? [...ports, { port, what: 'metrics' }] : ports;
}

export function ports(about: Case): readonly Finding[] {
  const { unprivilegedPortStart: start, localPorts, reservedPorts } = about.facts.kernel;
  const findings: Finding[] = [];
  const bound = boundPorts(about);
  const low = start === undefined ? [] : bound.filter(({ port }) => port < start);
  if (low.length > 0 && mayUse(about.facts.process, 'netBindService') === false) {
    findings.push({
      id: 'privileged-port',
      severity: 'break',
      onset: { kind: 'start' },
      title: `Port ${low.map(({ port }) => port).join(', ')} may not be bound`,
      detail: `${low.map(({ what, port }) => `${what}: ${port}`).join(', ')}; ports below ${start} need CAP_NET_BIND_SERVICE, which this account has not.`,
      remedies: [setSysctl('net.ipv4.ip_unprivileged_port_start', Math.min(...low.map(({ port }) => port)))],
    });
  }
  if (localPorts === undefined) return findings;
  const [from, to] = localPorts;
  const reserved = new Set(reservedPorts ?? []);
  const exposed = bound.filter(({ port }) => port >= from && port <= to && !reserved.has(port));
  if (exposed.length > 0) {
    const all = [...new Set([...reserved, ...exposed.map(({ port }) => port)])].sort((a, b) => a - b);
    findings.push({
      id: 'listen-port-in-local-range',
      severity: 'advice',
      onset: { kind: 'start' },
      title: `Port ${exposed.map(({ port }) => port).join(', ')} may be taken when the balancer starts again`,
      detail: `${exposed.map(({ what, port }) => `${what}: ${port}`).join(', ')}; outgoing connections use ports ${from} to ${to}, and any program may hold one of these while the balancer is away.`,
      remedies: [setSysctl('net.ipv4.ip_local_reserved_ports', formatList(all))],
    });
  }
  return findings;
}
