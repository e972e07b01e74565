// System calls per unit of work, counted by strace over a whole trial at one connection at a time, against the least
// that a proxy of this kind can do with. Tracing slows the subject a lot, so nothing is timed here.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { poll, start } from './lib/children.ts';
import type { SyscallRecord } from './lib/results.ts';
import type { Subject } from './subjects/subject.ts';
import { runCourse, type Bench } from './trial.ts';
import { workloads, type Workload } from './workloads.ts';

export interface Bound {
  readonly workload: string;
  readonly title: string;
  readonly unit: string;
  /** Least calls per unit, and what they are. Undefined where it depends on how much goes at once. */
  readonly least: readonly [number, number] | undefined;
  readonly why: string;
}

export const bounds: readonly Bound[] = [
  {
    workload: 'B.1',
    title: 'one small request and its answer, connection kept',
    unit: 'request',
    least: [4, 6],
    why: 'two receives and two sends; with one request at a time each of the two wake-ups is a wait of its own',
  },
  {
    workload: 'C',
    title: 'one short connection',
    unit: 'connection',
    least: [10, 15],
    why: 'accept, socket, connect, two receives, two sends, one receive of the end, two closes; one or two registrations, one to three waits',
  },
  {
    workload: 'A.one-way',
    title: 'bulk, per MB',
    unit: 'MB',
    least: undefined,
    why: 'two for each piece, in and out: the larger the pieces the fewer',
  },
];

/** Several connections at once would share waits: traced one at a time. */
function alone(workload: Workload): Workload {
  const args = [...workload.args];
  const at = args.findIndex((arg) => arg === '--connections' || arg === '--streams');
  if (at >= 0) args[at + 1] = '1';
  return { ...workload, args };
}

/** The table that `strace -c` prints, by name of call. */
export function parseStrace(text: string): Record<string, number> {
  const calls: Record<string, number> = {};
  for (const line of text.split('\n')) {
    // % time, seconds, usecs/call, calls, errors (or nothing), syscall
    const match = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && match[2] !== 'total')
      calls[match[2]] = Number(match[1]);
  }
  return calls;
}

/** Attaches to all threads; resolves with the way to detach. */
async function trace(pids: readonly number[], file: string, logFile: string): Promise<() => Promise<void>> {
  const attach = pids.flatMap((pid) => ['-p', String(pid)]);
  const { child } = start(
    ['strace', '-f', '-c', '-U', 'time-percent,total-time,avg-time,calls,errors,name', '-o', file, ...attach],
    { logFile },
  );
  const traced = (): true | undefined =>
    pids.every((pid) => /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
      ? true
      : undefined;
  if ((await poll(traced, 5000, () => child.hasEnded())) === undefined) {
    await child.stop(0);
    throw new Error(`strace does not attach: ${child.log().trim()}`);
  }
  return async () => {
    child.signal('SIGINT');
    await child.ended;
  };
}

export async function countSyscalls(
  bench: Bench,
  subjects: readonly Subject[],
  tell: (line: string) => void,
): Promise<{ readonly records: SyscallRecord[]; readonly notes: string[] }> {
  const records: SyscallRecord[] = [];
  const notes: string[] = [];
  let net = 0;
  for (const bound of bounds) {
    const workload = workloads.find((w) => w.id === bound.workload);
    if (workload === undefined) continue;
    for (const subject of subjects) {
      if (subject.family === 'direct' || subject.family === 'control') continue;
      if (subject.letters !== undefined && !subject.letters.includes(workload.letter)) continue;
      net += 1;
      const file = join(bench.folder, `strace-${net}.txt`);
      try {
        const asked = { workload: alone(workload), subject, round: 0, net: 250 - (net % 250), seed: 1 };
        const short = { ...bench, warmUpSeconds: 0.1, windowSeconds: 1 };
        const { measured } = await runCourse(short, asked, (pids) =>
          trace(pids, file, join(bench.folder, 'strace.log')),
        );
        const problems = Object.entries(measured.errors).map(([name, count]) => `${name} ${count} times`);
        if (problems.length > 0) throw new Error(problems.join('; '));
        const all = measured.units_in_all ?? measured.units;
        const bulk = measured.unit === 'bytes';
        const record: SyscallRecord = {
          workload: workload.id,
          subject: subject.id,
          unit: bound.unit,
          units: bulk ? all / 1e6 : all,
          bytes: bulk ? all : 0,
          calls: parseStrace(readFileSync(file, 'utf8')),
        };
        records.push(record);
        tell(
          `${workload.id.padEnd(12)} ${subject.id.padEnd(22)} ${perUnit(record).toFixed(1)} calls per ${bound.unit}`,
        );
      } catch (error) {
        notes.push(
          `system calls of ${subject.id} under ${workload.id}: ${error instanceof Error ? error.message : String(error)}`,
        );
      } finally {
        rmSync(file, { force: true });
      }
    }
  }
  return { records, notes };
}

export function perUnit(record: SyscallRecord): number {
  return Object.values(record.calls).reduce((sum, count) => sum + count, 0) / record.units;
}
