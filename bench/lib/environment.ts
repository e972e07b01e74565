// Where a figure comes from: without this beside it, it is not printed. Nothing here names a person or a host.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

import { root } from './paths.ts';

export interface Environment {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly virtual: boolean;
  readonly governor: string;
  readonly clocksource: string;
  readonly mitigations: string;
  readonly placement: string;
  readonly network: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly descriptorLimit: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  /** Files that differ from the commit, but for results and documents. */
  readonly dirty: boolean;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  /** Share of the machine that was busy before anything was started. */
  readonly idleBusy: number;
}

const SYSCTLS = [
  'net.ipv4.tcp_congestion_control',
  'net.core.somaxconn',
  'net.core.default_qdisc',
  'net.core.busy_poll',
  'net.core.rmem_max',
  'net.core.wmem_max',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
  'net.ipv4.tcp_tw_reuse',
  'net.ipv4.tcp_max_tw_buckets',
  'net.ipv4.tcp_fastopen',
  'net.ipv4.tcp_autocorking',
  'net.ipv4.tcp_notsent_lowat',
  'net.ipv4.ip_local_port_range',
  'fs.pipe-max-size',
  'fs.pipe-user-pages-soft',
];

function read(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().replace(/\s+/g, ' ') : undefined;
}

function told(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}

export function loadAverage(): number[] {
  return loadavg().map((value) => Math.round(value * 100) / 100);
}

/** The commit that is measured, and whether what is measured is what it says. */
export function checkout(): { readonly commit: string; readonly dirty: boolean } {
  const changed = told('git', [
    'status',
    '--porcelain',
    '--',
    'src',
    'native',
    'bench',
    'package.json',
    'CMakeLists.txt',
  ]);
  return { commit: told('git', ['rev-parse', 'HEAD']) || 'unknown', dirty: changed !== '' };
}

export function describeEnvironment(known: {
  readonly placement: string;
  readonly network: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly loadBefore: readonly number[];
  readonly idleBusy: number;
}): Omit<Environment, 'loadAfter'> {
  const sysctls: Record<string, string> = {};
  for (const name of SYSCTLS) {
    const value = read(`/proc/sys/${name.replaceAll('.', '/')}`);
    if (value !== undefined) sysctls[name] = value;
  }
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(info)?.[1] ?? '?';
  return {
    cpu: `${field('model name')} (family ${field('cpu family')}, model ${field('model')})`,
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    virtual: / hypervisor /.test(info),
    governor:
      read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor') ??
      'none (not in the hands of this kernel)',
    clocksource: read('/sys/devices/system/clocksource/clocksource0/current_clocksource') ?? 'unknown',
    mitigations: `spectre_v2: ${read('/sys/devices/system/cpu/vulnerabilities/spectre_v2') ?? 'unknown'}; meltdown: ${read('/sys/devices/system/cpu/vulnerabilities/meltdown') ?? 'unknown'}`,
    placement: known.placement,
    network: known.network,
    sysctls,
    descriptorLimit:
      /^Max open files\s+(\d+)\s+(\d+)/m
        .exec(readFileSync('/proc/self/limits', 'utf8'))
        ?.slice(1)
        .join(' / ') ?? '?',
    versions: {
      node: process.version,
      compiler: told('g++', ['--version']).split('\n')[0] ?? '?',
      ...known.versions,
    },
    ...checkout(),
    loadBefore: known.loadBefore,
    idleBusy: known.idleBusy,
  };
}

/** Busy share of all CPUs over a while in which nothing of ours runs. */
export async function measureIdle(ms: number): Promise<number> {
  const look = (): { idle: number; at: number } => {
    const words = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
    return { idle: ((words[3] ?? 0) + (words[4] ?? 0)) * 10, at: performance.now() };
  };
  const before = look();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = look();
  return Math.max(0, 1 - (after.idle - before.idle) / ((after.at - before.at) * cpus().length));
}

/** Resolves when less than `share` of the machine was busy for a while, or at the deadline. */
export async function waitForQuiet(share: number, deadlineMs: number): Promise<boolean> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    if ((await measureIdle(QUIET_MS)) < share) return true;
    if (performance.now() > until) return false;
  }
}

const QUIET_MS = 300;
