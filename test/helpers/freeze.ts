// Freezes the main thread of a process and nothing else of it: what a collection of garbage or a busy loop does to a
// control plane, at a time of the test's choice.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { ROOT } from './balancer.ts';
import { within } from './deadline.ts';

export interface Frozen {
  thaw(): Promise<void>;
}

/** Undefined, with the reason, where this machine forbids it. */
export async function freezeMainThread(pid: number): Promise<Frozen | { readonly forbidden: string }> {
  const child = spawn('python3', [join(ROOT, 'test', 'helpers', 'freeze-thread.py'), String(pid)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  const gone = once(child, 'close');
  const frozen = once(child.stdout, 'data').then(() => true);
  if (!(await within(Promise.race([frozen, gone.then(() => false)]), 'the main thread is frozen'))) {
    return { forbidden: complaint.trim() };
  }
  return {
    async thaw() {
      child.stdin.end();
      await within(gone, 'the main thread is let go');
    },
  };
}
