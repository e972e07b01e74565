// What one pick costs as backends grow, and how even it is, per algorithm: plans compiled here, picked from by the data
// plane's own code in a program of its own. Backends are equal, so that a perfect spread is known.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { compile } from '#src/balance/compile.js';

import { compilePickBench } from '../lib/compile.ts';
import type { MicroRecord } from '../lib/results.ts';
import { backendsOf, POLICIES } from './control-plane.ts';

const SIZES = [2, 10, 50, 100, 500, 2000];

interface Picked {
  readonly ns: number;
  readonly samples: number;
  readonly picks: number;
  readonly least: number;
  readonly most: number;
}

export async function picks(
  seconds: number,
  tell: (line: string) => void,
): Promise<{ readonly records: MicroRecord[]; readonly notes: string[] }> {
  const built = await compilePickBench();
  if (!built.ok) return { records: [], notes: [`picks were not measured: ${built.note}`] };
  tell('picks');
  const asked = POLICIES.flatMap((policy) => SIZES.map((size) => ({ policy, size })));
  const lines = asked.map(({ policy, size }) => {
    const equal = backendsOf(size).map((backend) => ({ ...backend, weight: 1 }));
    const { kind, members, table } = compile(policy, equal, 0);
    return `${kind} ${size} ${members.join(',') || '-'} ${table.join(',') || '-'}\n`;
  });
  const child = spawn(built.file, [String(seconds)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined); // it has left: told by its exit code
  child.stdin.end(lines.join(''));
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  const results = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Picked);
  const notes =
    code === 0 && results.length === asked.length
      ? []
      : [`picks: the program left with ${String(code)} after ${results.length} of ${asked.length} plans`];
  const records = results.map((result, n): MicroRecord => {
    const { policy = 'round_robin', size = 0 } = asked[n] ?? {};
    const mean = result.picks / size;
    return {
      group: 'one pick by the data plane, and a place given back',
      name: `${policy}, ${size} backends`,
      ns: result.ns,
      samples: result.samples,
      note: `least ${(result.least / mean).toFixed(2)}, most ${(result.most / mean).toFixed(2)} of the mean, ${Math.round(mean)} picks each`,
    };
  });
  return { records, notes };
}
