// Connection tracking, where a firewall has it loaded: a table that is full drops packets of new connections, and
// nothing but the kernel's log tells.

import { CONNTRACK_PER_SESSION } from '../costs.ts';
import type { Case } from '../demand.ts';
import { type Finding, setSysctl } from '../finding.ts';

/** Entries per chain above which each packet's look-up is noticed. */
const LONG_CHAIN = 8;

export function conntrack({ facts, demand }: Case): readonly Finding[] {
  const table = facts.conntrack;
  if (table === undefined) return [];
  const findings: Finding[] = [];
  const needed = demand.sessions * CONNTRACK_PER_SESSION;
  // Loaded is not used: without a rule that asks for it nothing is tracked.
  const inUse = table.now !== undefined && table.now > 0;
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, needed * 1.5)));
  if (needed > table.most) {
    const fits = Math.floor(table.most / CONNTRACK_PER_SESSION);
    findings.push({
      id: 'conntrack',
      severity: inUse ? 'break' : 'advice',
      onset: { kind: 'sessions', count: fits },
      title: `Connection tracking is full at ${fits} of ${demand.sessions} sessions`,
      detail: `nf_conntrack_max is ${table.most}; each session takes ${CONNTRACK_PER_SESSION} entries, and each that has ended keeps them for a while.${inUse ? ` ${table.now} are in use now.` : ' Nothing is tracked now: it matters once a firewall rule asks for it.'} Beyond that, packets of new connections vanish.`,
      remedies: [setSysctl('net.netfilter.nf_conntrack_max', wanted)],
    });
  }
  const entries = Math.max(table.most, needed);
  if (
    inUse &&
    table.buckets !== undefined &&
    table.buckets > 0 &&
    Math.min(needed, table.most) / table.buckets > LONG_CHAIN
  ) {
    findings.push({
      id: 'conntrack-buckets',
      severity: 'advice',
      onset: { kind: 'sessions', count: Math.floor((table.buckets * LONG_CHAIN) / CONNTRACK_PER_SESSION) },
      title: 'Connection tracking searches long chains for every packet',
      detail: `${table.buckets} buckets for up to ${Math.min(needed, table.most)} entries.`,
      remedies: [setSysctl('net.netfilter.nf_conntrack_buckets', 2 ** Math.ceil(Math.log2(entries / 4)))],
    });
  }
  return findings;
}
