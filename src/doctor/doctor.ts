// The doctor as a command: what it says about a host under a config, and the exit code that goes with it.

import type { Config } from '../config/config.ts';
import { diagnose } from './diagnose.ts';
import type { HostFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { jsonReport, textReport } from './report.ts';

/** 1 and 2 keep their meaning from the command itself: a failure, a bad command line or config. */
export const DOCTOR_EXIT = {
  /** Nothing was found. */
  well: 0,
  /** Warnings or advice. */
  advice: 3,
  /** Something will break at a load that the config allows. */
  willBreak: 4,
} as const;
export type DoctorExit = (typeof DOCTOR_EXIT)[keyof typeof DOCTOR_EXIT];

function exitCodeOf(findings: readonly Finding[]): DoctorExit {
  if (findings.some((finding) => finding.severity === 'break')) return DOCTOR_EXIT.willBreak;
  return findings.length > 0 ? DOCTOR_EXIT.advice : DOCTOR_EXIT.well;
}

export interface DoctorInput {
  readonly config: Config;
  /** From readHost(). */
  readonly host: HostFacts;
  readonly json: boolean;
}

/** The report ends with a newline. */
export function runDoctor({ config, host, json }: DoctorInput): {
  readonly report: string;
  readonly exitCode: DoctorExit;
} {
  const findings = diagnose(config, host);
  const exitCode = exitCodeOf(findings);
  return {
    report: json ? jsonReport(config, host, findings, exitCode) : textReport(config, host, findings),
    exitCode,
  };
}
