// Bad hosts, one a finding: how the good host is spoiled, the config that meets it, and what the doctor must say. The
// figures are worked out by hand in the comments; they are not copied from what the program printed.

import type { Onset, Severity } from '#src/doctor/finding.js';
import { BAD_KERNELS } from './bad-kernels.ts';
import { BAD_MACHINES } from './bad-machines.ts';
import type { HostFiles } from './hosts.ts';

export interface BadHost {
  readonly name: string;
  readonly spoil: HostFiles;
  /** Added to the config below. */
  readonly config: string;
  readonly id: string;
  readonly severity: Severity;
  readonly onset: Onset;
  /** Figures that the words must name. */
  readonly names: readonly (string | number)[];
  /** What the first remedy does not mend, since it is not one that a shell can carry out. */
  readonly byConfig?: true;
}

/** Two equal backends elsewhere, no pipes, 10 000 sessions. */
export const BASE_CONFIG = `
listen: 0.0.0.0:8080
workers: 4
max_connections: 10000
backlog: 4096
splice: off
backends: [ { host: 10.0.0.1, port: 9001 }, { host: 10.0.0.2, port: 9001 } ]
`;

export const BAD_HOSTS: readonly BadHost[] = [...BAD_KERNELS, ...BAD_MACHINES];
