// Everything that the doctor looks at, in one list. Pure: a config and facts in, findings out, worst first.

import type { Config } from '../config/config.ts';
import { backlogs, migration, ports } from './checks/accepting.ts';
import { conntrack } from './checks/conntrack.ts';
import { arrivals, workers } from './checks/cpus.ts';
import { machineDescriptors, processDescriptors } from './checks/descriptors.ts';
import { portsPerBackend, timeWait } from './checks/local-ports.ts';
import { sessionMemory, tcpMemory } from './checks/memory.ts';
import { pipeQuota, pipeSize } from './checks/pipes.ts';
import { congestion, fastOpen, socketBuffers, windowScaling } from './checks/sockets.ts';
import { type Case, demandOf } from './demand.ts';
import type { HostFacts } from './facts.ts';
import { byUrgency, type Finding } from './finding.ts';

/** A check says nothing about facts that could not be read. */
type Check = (about: Case) => readonly Finding[];

const CHECKS: readonly Check[] = [
  processDescriptors,
  machineDescriptors,
  ports,
  backlogs,
  migration,
  portsPerBackend,
  timeWait,
  fastOpen,
  congestion,
  socketBuffers,
  windowScaling,
  pipeQuota,
  pipeSize,
  conntrack,
  workers,
  arrivals,
  sessionMemory,
  tcpMemory,
];

/** Worst first. */
export function diagnose(config: Config, facts: HostFacts): readonly Finding[] {
  const about: Case = { config, facts, demand: demandOf(config, facts) };
  return byUrgency(CHECKS.flatMap((check) => check(about)));
}
