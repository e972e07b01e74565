// What the control plane's own work costs: reading a config, compiling plans, building a consistent table, and crossing
// into the data plane to apply and to read. No traffic. A part that cannot be had is a note.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Bench } from 'tinybench';

import { compile, createCompiler, type PlanBackend, type Policy } from '#src/balance/compile.js';
import { maglevTable } from '#src/balance/maglev.js';
import { loadConfigText } from '#src/config/load.js';
import type { EngineEvent, Snapshot } from '#src/engine/engine.js';
import { loadBinding } from '#src/engine/load.js';
import { createNativeEngine } from '#src/engine/native.js';
import { buildSnapshot } from '#src/snapshot/build.js';
import { createSlots } from '#src/snapshot/slots.js';

import { freePort } from '../lib/proc.ts';
import type { MicroRecord } from '../lib/results.ts';

export const POLICIES: readonly Policy[] = [
  'round_robin',
  'least_connections',
  'ip_hash',
  'least_response_time',
  'random',
  'power_of_two',
];

const SIZES = [2, 100, 1000];

export function backendsOf(count: number): PlanBackend[] {
  return Array.from({ length: count }, (_, n) => ({
    key: `10.0.${Math.floor(n / 250)}.${(n % 250) + 1}:80`,
    weight: 1 + (n % 3),
    backup: false,
    up: true,
  }));
}

function configText(backends: number, port: number): string {
  return JSON.stringify({
    listen: `127.0.0.1:${port}`,
    workers: 1,
    health_checks: { enabled: false },
    backends: Array.from({ length: backends }, (_, n) => ({
      host: `10.0.${Math.floor(n / 250)}.${(n % 250) + 1}`,
      port: 80,
    })),
  });
}

function snapshotOf(text: string, generation: number): Snapshot {
  const loaded = loadConfigText('bench.yaml', text);
  if (!loaded.ok) throw new Error(`the bench's own config is refused: ${JSON.stringify(loaded.issues)}`);
  return buildSnapshot({
    config: loaded.config,
    generation,
    maxWorkers: 1,
    slots: createSlots(),
    seen: { address: (host) => host, isUp: () => true, cpus: [0] },
    compiler: createCompiler(),
  });
}

function recordsOf(group: string, bench: Bench): MicroRecord[] {
  return bench.tasks.flatMap((task): MicroRecord[] => {
    const { result } = task;
    if (result.state !== 'completed') return [];
    const { latency } = result;
    return [
      {
        group,
        name: task.name,
        ns: latency.p50 * 1e6,
        p99: latency.p99 * 1e6,
        samples: latency.samplesCount,
      },
    ];
  });
}

async function planCompilation(timeMs: number): Promise<MicroRecord[]> {
  const bench = new Bench({ time: timeMs });
  for (const size of SIZES) {
    const backends = backendsOf(size);
    for (const policy of POLICIES)
      bench.add(`${policy}, ${size} backends`, () => void compile(policy, backends, 0));
  }
  await bench.run();
  return recordsOf('plan compiled from nothing', bench);
}

async function consistentTable(timeMs: number): Promise<MicroRecord[]> {
  const bench = new Bench({ time: timeMs });
  for (const size of SIZES) {
    const entries = backendsOf(size).map(({ key, weight }, value) => ({ key, weight, value }));
    bench.add(`${size} backends`, () => void maglevTable(entries));
  }
  await bench.run();
  return recordsOf('consistent table of 65,537 places', bench);
}

async function configLoad(timeMs: number): Promise<MicroRecord[]> {
  const bench = new Bench({ time: timeMs });
  for (const size of SIZES) {
    const text = configText(size, 8080);
    bench.add(`${size} backends`, () => void loadConfigText('bench.yaml', text));
  }
  await bench.run();
  return recordsOf('config text read, checked, completed', bench);
}

/** Applies and reads on a data plane that listens and has no sessions. */
async function boundary(timeMs: number, notes: string[]): Promise<MicroRecord[]> {
  const loaded = loadBinding();
  if (!loaded.ok) {
    notes.push(`apply and counter read were not measured: ${loaded.message.split('\n')[0] ?? ''}`);
    return [];
  }
  const bench = new Bench({ time: timeMs });
  let stopped: () => void = () => undefined;
  const hasStopped = new Promise<void>((resolve) => (stopped = resolve));
  const engine = createNativeEngine(loaded.binding, (events: readonly EngineEvent[]) => {
    if (events.some((event) => event.type === 'stopped')) stopped();
  });
  const port = await freePort('127.0.0.1');
  let generation = 0;
  for (const size of SIZES) {
    let snapshot = snapshotOf(configText(size, port), 1);
    bench.add(`apply, ${size} backends`, async () => {
      snapshot = { ...snapshot, generation: (generation += 1) };
      const from = performance.now();
      engine.apply(snapshot);
      const overriddenDuration = performance.now() - from;
      await nextTurn(); // what the data plane has to tell is heard, as it is in real life
      return { overriddenDuration };
    });
    bench.add(`read all counters, ${size} backends`, () => void engine.read());
  }
  try {
    await bench.run();
  } finally {
    engine.stop();
    await hasStopped;
  }
  return recordsOf('across the boundary', bench);
}

export async function controlPlane(
  timeMs: number,
  tell: (line: string) => void,
): Promise<{ readonly records: MicroRecord[]; readonly notes: string[] }> {
  const records: MicroRecord[] = [];
  const notes: string[] = [];
  const parts = { planCompilation, consistentTable, configLoad, boundary };
  for (const [name, part] of Object.entries(parts)) {
    tell(name);
    try {
      records.push(...(await part(timeMs, notes)));
    } catch (error) {
      notes.push(`${name} was not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { records, notes };
}
