// One subject under one workload, once: everything is started anew and ended again, so that no trial inherits anything
// from the one before but a warm kernel. What goes wrong makes the trial void; it is told, never thrown.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { poll, start, type Child } from './lib/children.ts';
import { startGenerator, type Generator, type Measured } from './lib/generator.ts';
import { freePort } from './lib/proc.ts';
import type { TrialRecord } from './lib/results.ts';
import { judge } from './rules.ts';
import type { Running, Subject } from './subjects/subject.ts';
import type { Workload } from './workloads.ts';

export interface Bench {
  readonly generator: string;
  readonly proxyCpu: number;
  readonly generatorCpu: number;
  /** Where trials keep their files. */
  readonly folder: string;
  readonly windowSeconds: number;
  readonly warmUpSeconds: number;
  readonly tolerateStrangers: boolean;
  readonly quick: boolean;
  /** Idle CPUs can be kept from sleeping. */
  readonly canKeepAwake: boolean;
}

export interface Asked {
  readonly workload: Workload;
  readonly subject: Subject;
  readonly round: number;
  /** 1 to 250: the trial's own part of 127/8. */
  readonly net: number;
  /** Of the schedule: equal for all subjects of a round. */
  readonly seed: number;
}

/** What a trial may take beyond its window: starts, connects, ends. */
const PATIENCE_S = 60;

/** Idle CPUs poll for as long as this child lives. */
async function keepAwake(bench: Bench, folder: string): Promise<Child> {
  const { child } = start([bench.generator, 'awake'], { logFile: join(folder, 'awake.log') });
  await poll(
    () => (child.log().includes('awake') ? true : undefined),
    1000,
    () => child.hasEnded(),
  );
  return child;
}

/** Less time for memory to settle. */
const QUICK_IDLE = ['--settle', '0.2'];

/** Arguments that every load has, after those of the workload. */
function generatorArgs(bench: Bench, asked: Asked): string[] {
  const [verb = '', ...own] = asked.workload.args;
  const common = [verb, '--net', String(asked.net), '--seed', String(asked.seed), ...own];
  if (verb !== 'idle')
    return [...common, '--warm-up', String(bench.warmUpSeconds), '--window', String(bench.windowSeconds)];
  return bench.quick ? [...common, ...QUICK_IDLE] : common;
}

export interface Course {
  readonly measured: Measured;
  readonly reloadsPerSecond?: number;
}

/** The course itself, also for other ways to look at it. `aroundLoad` is told the proxy's processes before any load. */
export async function runCourse(
  bench: Bench,
  asked: Asked,
  aroundLoad: (pids: readonly number[]) => Promise<() => Promise<void>> = () =>
    Promise.resolve(() => Promise.resolve()),
): Promise<Course> {
  const folder = join(
    bench.folder,
    `${asked.round}-${asked.workload.id}-${asked.subject.id.replaceAll('/', '-')}`,
  );
  mkdirSync(folder, { recursive: true });
  const log = join(folder, 'load.log');
  let generator: Generator | undefined;
  let running: Running | undefined;
  let awake: Child | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    generator = await startGenerator(bench.generator, generatorArgs(bench, asked), bench.generatorCpu, log);
    const host = `127.${asked.net}.100.1`;
    const listen = `${host}:${await freePort(host)}`;
    running = await asked.subject.start({
      listen,
      backends: generator.backends,
      folder,
      cpu: bench.proxyCpu,
      launcher: bench.generator,
    });
    if (asked.workload.awake && bench.canKeepAwake) awake = await keepAwake(bench, folder);
    const finish = await aroundLoad(running.pids);
    let open = true;
    let reloads: Promise<number> | undefined;
    const { reloads: reload } = running;
    const onWindow = (isOpen: boolean): void => {
      open = isOpen;
      if (isOpen && reload !== undefined) reloads = reload(() => !open);
      reloads?.catch(() => undefined); // told below, where it is waited for
    };
    const late = new Promise<never>((_, reject) => {
      const limit = bench.warmUpSeconds + bench.windowSeconds + PATIENCE_S;
      timer = setTimeout(() => reject(new Error(`not over after ${limit} s`)), limit * 1000);
    });
    const measured = await Promise.race([generator.go(running.target, running.pids, onWindow), late]);
    await finish();
    if (running.child?.hasEnded())
      throw new Error(`it has ended by itself: ${running.child.log().trim().slice(-300)}`);
    return { measured, ...(reloads === undefined ? {} : { reloadsPerSecond: await reloads }) };
  } finally {
    clearTimeout(timer);
    await Promise.all([generator?.kill(), running?.stop(), awake?.stop(0)]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Threads by what they are: the one that runs JavaScript apart from those that relay. */
export function compact(measured: Measured): Measured {
  if (measured.threads === undefined) return measured;
  return { ...measured, threads: measured.threads.filter((thread) => thread.ns > 0) };
}

export async function runTrial(bench: Bench, asked: Asked): Promise<TrialRecord> {
  const { round, workload, subject } = asked;
  const record = { round, workload: workload.id, subject: subject.id };
  try {
    const { measured, reloadsPerSecond } = await runCourse(bench, asked);
    return {
      ...record,
      ...judge(workload, measured, bench.tolerateStrangers),
      measured: compact(measured),
      ...(reloadsPerSecond === undefined ? {} : { reloadsPerSecond }),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...record, voids: [why.replaceAll(/\s+/g, ' ').slice(0, 400)], disturbances: [] };
  }
}
