// What this process may use of the host: the CPUs it may run on and the descriptors it may open.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** "0-2,5" to [0, 1, 2, 5]. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const [from, to] = part.split('-').map(Number);
    if (from === undefined || !Number.isInteger(from)) continue;
    for (let cpu = from; cpu <= (to ?? from); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** In ascending order; never empty. */
export function allowedCpus(): number[] {
  try {
    const line = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    const cpus = parseCpuList(line?.[1] ?? '');
    if (cpus.length > 0) return cpus;
  } catch {
    // no /proc: count them instead
  }
  return Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
}

/** The soft limit, which Node raises to the hard one at its start; undefined when it cannot be told. */
export function descriptorLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line?.[1] === undefined ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}
