// The service manager as a part of this process: the notifier with its clocks, and a reload that is told while it lasts.

import type { Balancer } from './balancer.ts';
import type { Config } from './config/config.ts';
import type { ProcessCalls } from './engine/binding.ts';
import { createNotifier, type Notifier } from './service/notify.ts';

export function processNotifier(calls: ProcessCalls, warn: (message: string) => void): Notifier {
  return createNotifier({
    tell: calls.tell,
    env: process.env,
    pid: process.pid,
    monotonic: () => process.hrtime.bigint(),
    every(ms, tick) {
      const timer = setInterval(tick, ms).unref();
      return () => clearInterval(timer);
    },
    warn,
  });
}

export async function toldReload(balancer: Balancer, notifier: Notifier): Promise<void> {
  notifier.reloading();
  await balancer.reload();
  if (balancer.state().phase === 'serving') notifier.ready(statusOf(balancer.config()));
}

export function statusOf({ file, listeners, pools }: Config): string {
  return `serving ${file}: ${listeners.length} listeners, ${pools.length} pools`;
}
