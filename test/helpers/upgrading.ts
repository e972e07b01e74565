// Upgrades seen from outside: which process serves, how it is told to make room, and that what it leaves is gone.

import { existsSync, readFileSync } from 'node:fs';

import type { Case, Running } from './balancer.ts';
import { until } from './deadline.ts';
import { get } from './metrics-page.ts';

/** Starting a process takes long on a machine that is busy. */
const START_MS = 30_000;

export interface Line {
  /** Every process so far, oldest first. */
  readonly pids: number[];
  /** Whoever answers now. */
  serving(): Promise<number>;
  /** SIGUSR2 to the one that serves; the pid of the one that serves then. */
  upgrade(): Promise<number>;
  /** Somebody else serves than before. */
  succeeded(): Promise<number>;
  /** Ends the one that serves, which has to go in order. */
  end(): Promise<void>;
}

/** Not a zombie that nobody has waited for either. */
export function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export async function gone(pid: number, ms?: number): Promise<void> {
  await until(() => !isThere(pid), `process ${pid} has left`, ms);
}

/** The processes that serve one after another; what is left of them at the end of the case is ended. */
export function line(lab: Case, lb: Running): Line {
  const pids = [lb.pid];
  lab.atEnd(() => {
    for (const pid of pids.slice(1)) if (isThere(pid)) process.kill(pid, 'SIGKILL');
  });

  async function serving(): Promise<number> {
    const { body } = await get(lb.metricsPort, '/healthz');
    return (JSON.parse(body) as { pid: number }).pid;
  }

  async function succeeded(): Promise<number> {
    const before = pids.at(-1);
    const pid = await until(
      async () => {
        const now = await serving();
        return now !== before && now;
      },
      () => `another process serves; log:\n${lb.log()}`,
      START_MS,
    );
    pids.push(pid);
    await lb.untilLogged(new RegExp(`took over from process ${before}\\b`), START_MS);
    return pid;
  }

  return {
    pids,
    serving,
    succeeded,
    upgrade() {
      process.kill(pids.at(-1) ?? 0, 'SIGUSR2');
      return succeeded();
    },
    async end() {
      const pid = pids.at(-1) ?? 0;
      process.kill(pid, 'SIGTERM');
      await gone(pid, START_MS);
    },
  };
}
