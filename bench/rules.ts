// When a measurement does not count: rules that were fixed before any was made. A trial is void when it did not do the
// work right; a round is dropped, for all subjects alike, when the machine was not ours during one of its trials.

import type { Measured } from './lib/generator.ts';
import type { Workload } from './workloads.ts';

/** Share of the machine's time that the hypervisor may have taken. */
export const MOST_STEAL = 0.005;
/** Share of the machine's time that tasks other than the proxy and the generator may have had. */
export const MOST_STRANGERS = 0.08;
/** Tasks that somebody may have started meanwhile: what they took is not known once they have ended. */
export const MOST_FORKS = 20;
/** A timer and a wake-up take so long on a virtual machine whose CPUs sleep; direct has little else in its latency. */
export const ALWAYS_ALLOWED_LAG_NS = 100_000;
/** Share of the offered bulk that has to have arrived. */
export const LEAST_DELIVERED = 0.97;
/** Descriptors that a proxy may keep for later when all sessions have ended. */
export const MOST_KEPT_DESCRIPTORS = 256;
/** Requests of an open loop that have to have been sent. */
const LEAST_OFFERED = 0.9;

export interface Verdict {
  /** Why this trial has no score. */
  readonly voids: readonly string[];
  /** Why the whole round has none. */
  readonly disturbances: readonly string[];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/**
 * Share of the machine's time that strangers and the kernel's own threads had. Of tasks: what was not idle is more, since
 * a CPU that falls asleep and wakes up thirty thousand times a second spends a tenth of its time on that.
 */
export function strangersShare(m: Measured): number {
  if (m.capacity_ns === undefined || m.tasks_ns === undefined) return 0;
  const known = (m.proxy_ns ?? 0) + (m.own_ns ?? 0);
  return Math.max(0, m.tasks_ns - known) / m.capacity_ns;
}

export function judge(workload: Workload, m: Measured, tolerateStrangers: boolean): Verdict {
  const voids = Object.entries(m.errors).map(([name, count]) => `${name} ${count} times`);
  const disturbances: string[] = [];
  if (m.units === 0) voids.push('no work was done');
  const kept = m.descriptors_after - m.descriptors_before;
  if (kept > MOST_KEPT_DESCRIPTORS) voids.push(`${kept} descriptors were not given back`);
  const rate = m.bulk?.offered_bytes_per_second ?? m.offered_bytes_per_second ?? 0;
  if (rate > 0 && m.window_ns !== undefined) {
    const arrived = (m.bulk_bytes ?? m.units) / ((rate * m.window_ns) / 1e9);
    if (arrived < LEAST_DELIVERED) voids.push(`only ${percent(arrived)} of the offered bulk arrived`);
  }
  if (m.capacity_ns !== undefined) {
    const steal = (m.steal_ns ?? 0) / m.capacity_ns;
    if (steal > MOST_STEAL) disturbances.push(`steal ${percent(steal)}`);
    const strangers = strangersShare(m);
    if (strangers > MOST_STRANGERS && !tolerateStrangers)
      disturbances.push(`strangers had ${percent(strangers)} of the machine`);
    const forks = m.forks ?? 0;
    if (forks > MOST_FORKS && !tolerateStrangers) disturbances.push(`${forks} tasks were started`);
  }
  if (workload.mostLag !== undefined && m.lag !== undefined && m.latency !== undefined) {
    const allowed = Math.max(ALWAYS_ALLOWED_LAG_NS, workload.mostLag * m.latency.p99);
    if (m.lag.p99 > allowed && !tolerateStrangers) {
      disturbances.push(`the generator was late by ${Math.round(m.lag.p99 / 1000)} µs at p99`);
    }
    const expected = ((m.offered_per_second ?? 0) * (m.window_ns ?? 0)) / 1e9;
    if (m.latency.count < LEAST_OFFERED * expected)
      voids.push(`only ${percent(m.latency.count / expected)} of the requests were made`);
  }
  return { voids, disturbances };
}
