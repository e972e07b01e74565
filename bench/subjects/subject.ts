// What is measured: something that listens at one address and relays to backends, with one worker, on one CPU. A
// subject that is not installed is a note in the report, never an error.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { start, poll, type Child } from '../lib/children.ts';
import { isListening } from '../lib/proc.ts';

/** Who a result belongs to. Variants of one family are rivals: the report takes the best of them, per workload. */
export type Family =
  | 'direct'
  | 'ours'
  | 'control'
  | 'baseline'
  | 'core'
  | 'quickack'
  | 'io-uring'
  | 'haproxy-default'
  | 'haproxy-tuned'
  | 'nginx-default'
  | 'nginx-tuned'
  | 'net';

export interface Place {
  /** host:port to listen at. */
  readonly listen: string;
  readonly backends: readonly string[];
  /** A folder for this trial's files. */
  readonly folder: string;
  readonly cpu: number;
  /** The generator, which also pins. */
  readonly launcher: string;
}

export interface Running {
  /** Every process whose CPU time and memory count. */
  readonly pids: readonly number[];
  readonly target: string;
  readonly child?: Child;
  /** Has its config taken anew, again and again until told to stop; resolves with how often a second it was. */
  readonly reloads?: (stop: () => boolean) => Promise<number>;
  stop(): Promise<void>;
}

export interface Subject {
  /** Unique: the family, and a variant after a slash. */
  readonly id: string;
  readonly family: Family;
  /** How it is set up, for the report. */
  readonly setup: string;
  /** Letters of the workloads it is made for; undefined: all. */
  readonly letters?: string;
  start(place: Place): Promise<Running>;
}

export type Detected =
  | { readonly ok: true; readonly subjects: readonly Subject[]; readonly version: string }
  | { readonly ok: false; readonly note: string };

/** Node at its start takes longest. */
const START_DEADLINE_MS = 20_000;

/** Starts a pinned program and waits until it listens. */
export async function startListening(
  place: Place,
  command: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Child> {
  const logFile = join(place.folder, 'subject.log');
  const { child } = start([place.launcher, 'on-cpu', String(place.cpu), '--', ...command], {
    logFile,
    ...(env === undefined ? {} : { env }),
  });
  const listening = await poll(
    () => (isListening(place.listen) ? true : undefined),
    START_DEADLINE_MS,
    () => child.hasEnded(),
  );
  if (listening === undefined) {
    await child.stop(0);
    throw new Error(
      `${command.join(' ')} does not listen at ${place.listen}: ${child.log().trim().slice(-500)}`,
    );
  }
  return child;
}

export function writeConfig(place: Place, name: string, text: string): string {
  mkdirSync(place.folder, { recursive: true });
  const file = join(place.folder, name);
  writeFileSync(file, text);
  return file;
}

/** Descriptors that a process may open here; peers are given as many sessions as that allows. */
export const SESSIONS_AT_MOST = 9000;
