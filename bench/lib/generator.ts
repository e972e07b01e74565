// One run of the load generator: starts it, learns where its backends listen, tells it the target, hands back what it
// measured. The measuring itself happens in there, at one moment for work and for CPU time.

import { createInterface } from 'node:readline';

import { start } from './children.ts';

export interface Quantiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface ThreadTime {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly ns: number;
}

export interface MemoryStep {
  readonly sessions: number;
  readonly pss: number;
  readonly rss: number;
  readonly slab: number;
}

/** One line of JSON as the generator prints it; times in nanoseconds. */
export interface Measured {
  readonly unit: string;
  readonly units: number;
  readonly units_in_all?: number;
  readonly window_ns?: number;
  readonly threads?: readonly ThreadTime[];
  readonly proxy_ns?: number;
  readonly proxy_clock_ns?: number;
  readonly own_ns?: number;
  readonly machine_ns?: number;
  /** Of all tasks of the machine; without what the kernel does between two of them. */
  readonly tasks_ns?: number;
  readonly forks?: number;
  readonly steal_ns?: number;
  readonly capacity_ns?: number;
  readonly descriptors_before: number;
  readonly descriptors_after: number;
  readonly picks?: { readonly backends: number; readonly least: number; readonly most: number };
  readonly bulk_bytes?: number;
  readonly bulk?: { readonly offered_bytes_per_second: number };
  readonly offered_per_second?: number;
  readonly offered_bytes_per_second?: number;
  readonly latency?: Quantiles;
  readonly lag?: Quantiles;
  readonly memory?: readonly MemoryStep[];
  readonly errors: Readonly<Record<string, number>>;
}

export interface Generator {
  readonly pid: number;
  /** host:port of each. */
  readonly backends: readonly string[];
  /** `direct`, or the address of a proxy with the processes to measure. Resolves with what was measured. */
  go(target: string, pids: readonly number[], onWindow?: (open: boolean) => void): Promise<Measured>;
  kill(): Promise<void>;
}

export async function startGenerator(
  program: string,
  args: readonly string[],
  cpu: number,
  logFile: string,
): Promise<Generator> {
  const started = start([program, 'on-cpu', String(cpu), '--', program, ...args], { logFile, stdio: 'pipe' });
  const { child } = started;
  const { stdin, stdout } = started.process;
  if (stdin === null || stdout === null) throw new Error('the load generator has no pipes');
  stdin.on('error', () => undefined); // it has ended: told by its exit
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();

  async function next(): Promise<Record<string, unknown>> {
    const line = await lines.next();
    if (line.done === true) {
      await child.ended;
      throw new Error(`the load generator has failed: ${child.log().trim() || 'no message'}`);
    }
    return JSON.parse(line.value) as Record<string, unknown>;
  }

  const ready = await next();
  return {
    pid: child.pid,
    backends: ready['backends'] as string[],
    async go(target, pids, onWindow) {
      stdin.write(`go ${target} ${pids.join(',') || '-'}\n`);
      for (;;) {
        const message = await next();
        if (message['event'] === 'open') onWindow?.(true);
        if (message['event'] === 'closed') onWindow?.(false);
        if (message['event'] === 'result') {
          await child.ended;
          return message as unknown as Measured;
        }
      }
    },
    kill: () => child.stop(0),
  };
}
