// The other end of module-host.ts: runs in a thread of its own, loads one module and asks it about backends. Whatever
// the module does to this thread, the process goes on.

import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { ModuleAnswer, ModuleRequest } from './module-host.ts';

const MAX_REASON = 200;

type Check = (backend: object) => unknown;

function tell(answer: ModuleAnswer): void {
  parentPort?.postMessage(answer);
}

/** One line, however much the module has to say. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, MAX_REASON).replace(/\s+/g, ' ');
}

async function load(file: string): Promise<Check | undefined> {
  try {
    const found = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
    if (typeof found === 'function') return found as Check;
    tell({ type: 'broken', reason: 'its default export is not a function' });
  } catch (error) {
    tell({ type: 'broken', reason: reasonOf(error) });
  }
  return undefined;
}

async function ask(check: Check, { id, backend }: Extract<ModuleRequest, { type: 'ask' }>): Promise<void> {
  tell({ type: 'begun', id });
  try {
    tell({ type: 'done', id, healthy: (await check(backend)) === true, reason: '' });
  } catch (error) {
    tell({ type: 'done', id, healthy: false, reason: reasonOf(error) });
  }
}

const check = await load((workerData as { file: string }).file);
if (check !== undefined) {
  parentPort?.on('message', (request: ModuleRequest) => {
    if (request.type === 'ping') tell({ type: 'pong' });
    else void ask(check, request);
  });
  tell({ type: 'ready' });
}
