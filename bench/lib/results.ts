// The results file: everything that a report needs, raw. Reports are made from it alone, so that a published page can
// be made again, and doubted, later. One trial per line, so that two files can be compared.

import { readFileSync, writeFileSync } from 'node:fs';

import type { Environment } from './environment.ts';
import type { Measured } from './generator.ts';

export const FORMAT = 1;

export interface TrialRecord {
  readonly round: number;
  readonly workload: string;
  readonly subject: string;
  readonly voids: readonly string[];
  readonly disturbances: readonly string[];
  /** Absent when it could not be run. */
  readonly measured?: Measured;
  readonly reloadsPerSecond?: number;
}

export interface SubjectRecord {
  readonly id: string;
  readonly family: string;
  readonly setup: string;
}

export interface SyscallRecord {
  readonly workload: string;
  readonly subject: string;
  readonly unit: string;
  readonly units: number;
  readonly bytes: number;
  readonly calls: Readonly<Record<string, number>>;
}

export interface MicroRecord {
  readonly group: string;
  readonly name: string;
  /** Nanoseconds per call, the middle of the samples, and the 99th percentile of them where it is known. */
  readonly ns: number;
  readonly p99?: number;
  readonly samples: number;
  readonly note?: string;
}

export interface Results {
  readonly format: typeof FORMAT;
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly seed: number;
  readonly rounds: number;
  readonly quick: boolean;
  readonly strangersTolerated: boolean;
  readonly windowSeconds: number;
  readonly warmUpSeconds: number;
  readonly command: string;
  readonly environment: Environment;
  readonly notes: readonly string[];
  readonly subjects: readonly SubjectRecord[];
  readonly trials: readonly TrialRecord[];
  readonly syscalls: readonly SyscallRecord[];
  readonly micro: readonly MicroRecord[];
}

/** JSON with one line per element of each list. */
export function serialise(results: Results): string {
  const parts = Object.entries(results).map(([key, value]: [string, unknown]) => {
    if (!Array.isArray(value) || value.length === 0)
      return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    const lines = value.map((element) => `  ${JSON.stringify(element)}`);
    return `${JSON.stringify(key)}: [\n${lines.join(',\n')}\n ]`;
  });
  return `{\n ${parts.join(',\n ')}\n}\n`;
}

export function writeResults(file: string, results: Results): void {
  writeFileSync(file, serialise(results));
}

/** Throws when the file is of another format. */
export function readResults(file: string): Results {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as { format?: unknown };
  if (parsed.format !== FORMAT) throw new Error(`${file}: not results of format ${FORMAT}`);
  return parsed as Results;
}
