// The command line of `npm run bench`, checked before anything is started.

import { Command, InvalidArgumentError } from 'commander';

import { chooseWorkloads, workloads, type Workload } from './workloads.ts';

export interface Options {
  readonly quick: boolean;
  readonly workloads: readonly Workload[];
  /** Families or single subjects; undefined: all. */
  readonly subjects: readonly string[] | undefined;
  readonly rounds: number;
  readonly haproxy: string;
  readonly nginx: string;
  readonly baseline: string | undefined;
  /** Where the raw results go, beside the folder. */
  readonly json: string | undefined;
  readonly out: string | undefined;
  readonly seed: number;
  readonly micro: boolean;
  readonly macro: boolean;
  readonly syscalls: boolean;
  readonly window: number;
  readonly warmUp: number;
  readonly namespace: boolean;
  readonly tolerateStrangers: boolean;
  readonly publish: boolean;
  /** Makes the report of a results file again; nothing is measured. */
  readonly report: string | undefined;
}

export const PUBLISHED_ROUNDS = 10;
const QUICK_ROUNDS = 3;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000_000)
    throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

function duration(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 60)) throw new InvalidArgumentError('seconds, at most 60');
  return value;
}

function words(text: string): string[] {
  return text.split(',').map((word) => word.trim());
}

function chosen(text: string): Workload[] {
  try {
    return chooseWorkloads(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function command(): Command {
  return new Command('bench')
    .description(
      'Measures ours and its peers side by side; bench/README.md says how and what could be wrong.',
    )
    .option('--quick', 'about two minutes: fewer workloads and subjects, 3 rounds of short windows')
    .option('--workloads <list>', 'such as A,B.64,F', chosen)
    .option('--subjects <list>', 'such as ours,haproxy-default,nginx-tuned', words)
    .option('--rounds <n>', `rounds (${PUBLISHED_ROUNDS}, or ${QUICK_ROUNDS} when quick)`, whole)
    .option('--window <seconds>', 'time that is measured in each trial (3, or 0.5 when quick)', duration)
    .option('--warm-up <seconds>', 'time before it (1, or 0.2 when quick)', duration)
    .option('--haproxy <path>', 'the HAProxy to measure', 'haproxy')
    .option('--nginx <path>', 'the nginx to measure', 'nginx')
    .option('--baseline <folder>', 'another built checkout of this project, as one more subject')
    .option('--seed <n>', 'of the order of trials and of schedules', whole)
    .option('--micro', 'only the parts of the control plane and the pick, without traffic')
    .option('--macro', 'only traffic')
    .option('--syscalls', 'only system calls per unit of work, counted by strace')
    .option('--no-namespace', 'stay in the network namespace that this is started in')
    .option('--tolerate-strangers', 'count rounds in which others used the machine; the report says so')
    .option('--json <file>', 'write the raw results here as well')
    .option('--out <folder>', 'where results, page and chart go (.build/bench/out)')
    .option('--report <file>', 'make page and chart from a results file; measure nothing')
    .option(
      '--publish',
      'write bench/results, docs/benchmarks.md and its chart; needs a full, undisturbed run of a commit',
    );
}

/** `args` without program names. Commander prints help and mistakes itself, and leaves. */
export function parseOptions(args: readonly string[], randomSeed: number): Options {
  const parsed = command()
    .parse([...args], { from: 'user' })
    .opts<Record<string, unknown>>();
  const quick = parsed['quick'] === true;
  const only = ['micro', 'macro', 'syscalls'].filter((name) => parsed[name] === true);
  const wants = (name: string): boolean => only.includes(name);
  return {
    quick,
    workloads: (parsed['workloads'] as Workload[] | undefined) ?? workloads.filter((w) => !quick || w.quick),
    subjects: parsed['subjects'] as string[] | undefined,
    rounds: (parsed['rounds'] as number | undefined) ?? (quick ? QUICK_ROUNDS : PUBLISHED_ROUNDS),
    haproxy: parsed['haproxy'] as string,
    nginx: parsed['nginx'] as string,
    baseline: parsed['baseline'] as string | undefined,
    json: parsed['json'] as string | undefined,
    out: parsed['out'] as string | undefined,
    seed: (parsed['seed'] as number | undefined) ?? randomSeed,
    // A short run has time for traffic alone.
    micro: only.length === 0 ? !quick : wants('micro'),
    macro: only.length === 0 || wants('macro'),
    syscalls: only.length === 0 ? !quick : wants('syscalls'),
    window: (parsed['window'] as number | undefined) ?? (quick ? 0.5 : 3),
    warmUp: (parsed['warmUp'] as number | undefined) ?? (quick ? 0.2 : 1),
    namespace: parsed['namespace'] !== false,
    tolerateStrangers: parsed['tolerateStrangers'] === true,
    publish: parsed['publish'] === true,
    report: parsed['report'] as string | undefined,
  };
}
