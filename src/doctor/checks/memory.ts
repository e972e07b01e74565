// Memory: for all sessions at rest, for sessions whose receivers are slow, and what TCP as a whole may hold.

import type { Listener } from '../../config/config.ts';
import { PAGE, PROCESS_MEMORY, SESSION_KERNEL_MEMORY, SESSION_MEMORY } from '../costs.ts';
import type { Case } from '../demand.ts';
import { type Finding, inConfig, setSysctl } from '../finding.ts';

const MIB = 1024 * 1024;

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB).toLocaleString('en-US')} MiB`;
}

/** What there is to be had, and who says so. */
function room({ facts }: Case): { readonly bytes: number; readonly what: string } | undefined {
  const { available } = facts.memory;
  const { memoryLeft } = facts.process;
  if (memoryLeft !== undefined && memoryLeft < (available ?? Infinity))
    return { bytes: memoryLeft, what: 'the control group has left' };
  return available === undefined ? undefined : { bytes: available, what: 'are available' };
}

/** Bytes that both directions of a session hold back at most, besides the sockets. */
function stuckBytes(listener: Listener): number {
  return (
    2 *
    (listener.splice === 'off'
      ? listener.max_buffer_size
      : Math.max(listener.max_buffer_size, listener.pipe_size))
  );
}

export function sessionMemory(about: Case): readonly Finding[] {
  const { config, facts, demand } = about;
  const there = room(about);
  if (there === undefined || demand.sessions === 0) return [];
  const base = facts.process.pid === undefined ? PROCESS_MEMORY : 0;
  const each = SESSION_MEMORY + SESSION_KERNEL_MEMORY;
  const left = Math.max(0, there.bytes - base);
  const idle = demand.sessions * each;
  if (idle > left) {
    const fits = Math.floor(left / each);
    return [
      {
        id: 'memory',
        severity: 'break',
        onset: { kind: 'sessions', count: fits },
        title: `Memory runs out at ${fits} of ${demand.sessions} sessions, even if all are idle`,
        detail: `${mib(there.bytes)} ${there.what}; ${demand.sessions} sessions take ${mib(idle)} at rest, about ${Math.round(each / 1024)} KiB each, nearly all of it in the kernel.`,
        remedies: [
          inConfig(`max_connections: ${Math.max(1, Math.floor((fits * 0.9) / config.listeners.length))}`),
        ],
      },
    ];
  }
  const stuck = config.listeners.reduce(
    (sum, listener) => sum + stuckBytes(listener) * (demand.sessionsOf.get(listener) ?? 0),
    0,
  );
  if (idle + stuck <= left) return [];
  const largest = Math.max(...config.listeners.map(stuckBytes));
  const fits = Math.floor((left - idle) / largest);
  const affordable = 2 ** Math.floor(Math.log2((left - idle) / demand.sessions / 2));
  const least = Math.max(4096, ...config.listeners.map((listener) => listener.buffer_size));
  return [
    {
      id: 'memory-when-stuck',
      severity: 'warning',
      onset: { kind: 'stuck-sessions', count: fits },
      title: `Memory runs out when ${fits} sessions are stuck in both directions`,
      detail: `${mib(there.bytes)} ${there.what}; a session whose receivers take nothing holds up to ${Math.round(largest / 1024)} KiB, and ${demand.sessions} of them ${mib(idle + stuck)}.`,
      remedies: [
        affordable >= least
          ? inConfig(
              `max_buffer_size: ${Math.min(affordable, 65_536)}\npipe_size: ${Math.min(affordable, 1_048_576)}`,
            )
          : inConfig(
              `max_connections: ${Math.max(1, Math.floor(left / (largest + each) / config.listeners.length))}`,
            ),
      ],
    },
  ];
}

/** The kernel's own ceiling for all TCP sockets together. */
export function tcpMemory({ facts, demand }: Case): readonly Finding[] {
  const { tcpMemory: pages, tcpReceive, tcpSend } = facts.kernel;
  const [, pressure, most] = pages ?? [];
  const each = 2 * ((tcpReceive?.[1] ?? 0) + (tcpSend?.[1] ?? 0));
  if (pressure === undefined || most === undefined || each === 0) return [];
  const fits = Math.floor((pressure * PAGE) / each);
  if (fits >= demand.sessions) return [];
  const memory = facts.memory.total;
  const wanted = Math.min(
    Math.ceil((demand.sessions * each) / PAGE),
    memory === undefined ? Infinity : Math.floor(memory / 3 / PAGE),
  );
  return [
    {
      id: 'tcp-memory',
      severity: 'advice',
      onset: { kind: 'stuck-sessions', count: fits },
      title: `TCP as a whole runs short when ${fits} sessions have full buffers of the default size`,
      detail: `net.ipv4.tcp_mem is ${(pages ?? []).join(' ')} pages: from ${mib(pressure * PAGE)} on, windows shrink for everybody on the host, and beyond ${mib(most * PAGE)} packets are dropped. Both sockets of a stuck session hold ${Math.round(each / 1024)} KiB.`,
      remedies: [
        wanted > pressure
          ? setSysctl('net.ipv4.tcp_mem', `${Math.ceil(wanted * 0.75)} ${wanted} ${Math.ceil(wanted * 1.5)}`)
          : setSysctl('net.ipv4.tcp_notsent_lowat', 131_072),
      ],
    },
  ];
}
