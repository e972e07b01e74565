// Waiting with a limit: no test waits for ever and none sleeps when something can be asked instead.

import { setTimeout as delay } from 'node:timers/promises';

/** What anything on one machine that is busy with other things may take. */
export const PATIENCE_MS = 8000;

/** The promise's value, or an error that says what did not happen. */
export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until the answer is neither false nor undefined; returns it. */
export async function until<T>(
  ask: () => T | Promise<T>,
  what: string | (() => string),
  ms = PATIENCE_MS,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > deadline)
      throw new Error(`${typeof what === 'string' ? what : what()}: not within ${ms} ms`);
    await delay(10);
  }
}

/** Time in which something must not happen. The only wait that nothing can shorten. */
export async function quiet(ms: number): Promise<void> {
  await delay(ms);
}
