// Descriptors: of the process, and of the machine.

import * as cost from '../costs.ts';
import { type Case, evenTables } from '../demand.ts';
import { mayUse } from '../facts.ts';
import { type Finding, inConfig, type Remedy, run, setSysctl } from '../finding.ts';

const DROP_IN = '/etc/systemd/system/ultrabalancer-l4.service.d';

/** Limits are raised to round figures: one that is exact is too small after the next change of the config. */
function roundUp(needed: number): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(needed)));
}

function raiseLimit({ facts }: Case, needed: number): readonly Remedy[] {
  const wanted = roundUp(needed);
  const { pid } = facts.process;
  const ceiling = facts.kernel.descriptorCeiling;
  const prefix = ceiling !== undefined && wanted > ceiling ? `sudo sysctl -w fs.nr_open=${wanted} && ` : '';
  return [
    run(`${prefix}sudo prlimit --pid ${pid ?? '$$'} --nofile=${wanted}:${wanted}`),
    run(
      `${prefix}sudo mkdir -p ${DROP_IN} && printf '[Service]\\nLimitNOFILE=${wanted}\\n' | sudo tee ${DROP_IN}/60-nofile.conf && sudo systemctl daemon-reload`,
    ),
  ];
}

/** What one table must hold with so many sessions, each of which takes so many descriptors. */
function tableNeed({ demand }: Case, sessions: number, each: number): number {
  const tables = cost.DESCRIPTOR_TABLES === 'worker' ? demand.workers : 1;
  return demand.descriptorsBefore + evenTables(sessions, tables) * each;
}

function whose({ facts }: Case): string {
  const table = cost.DESCRIPTOR_TABLES === 'worker' ? 'each worker' : 'the process';
  return facts.process.pid === undefined
    ? `${table} when started from here`
    : `${table} (pid ${facts.process.pid})`;
}

export function processDescriptors(about: Case): readonly Finding[] {
  const { demand } = about;
  const { tableSize: size, sessionsByDescriptors: fits } = demand;
  if (size === undefined || fits === undefined || !Number.isFinite(size)) return [];
  const findings: Finding[] = [];
  for (const listener of demand.unlimited) {
    findings.push({
      id: 'no-session-limit',
      severity: 'warning',
      onset: { kind: 'sessions', count: fits },
      title: `Listener ${listener.name} takes sessions until descriptors run out`,
      detail: `max_connections is 0; ${size} descriptors for ${whose(about)} are enough for ${fits} sessions. Then it stops accepting, and the metrics page and probes get no descriptor either.`,
      remedies: [inConfig(`max_connections: ${Math.max(1, Math.floor(fits * 0.9))}`)],
    });
  }
  const limited = demand.unlimited.length === 0;
  if (limited && fits < demand.sessions) {
    const needed = tableNeed(about, demand.sessions, cost.DESCRIPTORS_PER_SESSION);
    findings.push({
      id: 'descriptors',
      severity: 'break',
      onset: { kind: 'sessions', count: fits },
      title: `Descriptors run out at ${fits} of ${demand.sessions} sessions`,
      detail: `${size} descriptors for ${whose(about)}; ${demand.sessions} sessions take ${cost.DESCRIPTORS_PER_SESSION} each and ${demand.descriptorsBefore} are taken before: ${needed}. Beyond that nobody is accepted until a session ends.`,
      remedies: raiseLimit(about, needed),
    });
  } else if (limited) {
    findings.push(...splicedDescriptors(about, size));
  }
  return findings;
}

/** Enough for sockets, not for sockets and a pipe in each direction. */
function splicedDescriptors(about: Case, size: number): readonly Finding[] {
  const { config, demand } = about;
  const splicing = config.listeners.filter((listener) => listener.splice !== 'off');
  const sessions = splicing.reduce((sum, listener) => sum + (demand.sessionsOf.get(listener) ?? 0), 0);
  const tables = cost.DESCRIPTOR_TABLES === 'worker' ? demand.workers : 1;
  const sockets = tableNeed(about, demand.sessions, cost.DESCRIPTORS_PER_SESSION);
  const needed = sockets + evenTables(sessions, tables) * 2 * cost.DESCRIPTORS_PER_PIPE;
  if (sessions === 0 || needed <= size) return [];
  return [
    {
      id: 'descriptors-with-pipes',
      severity: splicing.some((listener) => listener.splice === 'on') ? 'warning' : 'advice',
      onset: {
        kind: 'stuck-directions',
        count: Math.max(0, Math.floor(((size - sockets) * tables) / cost.DESCRIPTORS_PER_PIPE)),
      },
      title: 'With every session open, few descriptors are left for pipes',
      detail: `${size} descriptors for ${whose(about)}; ${sockets} are sockets and the rest of the process, and every direction whose receiver is slow takes ${cost.DESCRIPTORS_PER_PIPE} more while it is spliced: at worst ${needed}. Without a pipe, bytes are copied.`,
      remedies: raiseLimit(about, needed),
    },
  ];
}

export function machineDescriptors({ facts, demand }: Case): readonly Finding[] {
  const { openLimit, openFiles } = facts.kernel;
  // The kernel lets a process that administers the system go beyond it.
  if (openLimit === undefined || mayUse(facts.process, 'sysAdmin') === true) return [];
  const others = facts.process.pid === undefined ? (openFiles ?? 0) : 0;
  const needed = others + demand.sessions * cost.DESCRIPTORS_PER_SESSION + demand.descriptorsBefore;
  if (needed <= openLimit) return [];
  const fits = Math.max(
    0,
    Math.floor((openLimit - others - demand.descriptorsBefore) / cost.DESCRIPTORS_PER_SESSION),
  );
  return [
    {
      id: 'open-files',
      severity: 'break',
      onset: { kind: 'sessions', count: fits },
      title: `The machine's table of open files is full at ${fits} of ${demand.sessions} sessions`,
      detail: `fs.file-max is ${openLimit}, ${others} of it taken by others now; ${needed} are needed. Every program on the machine fails then, not this one alone.`,
      remedies: [setSysctl('fs.file-max', roundUp(needed * 2))],
    },
  ];
}
