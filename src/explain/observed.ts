// What a running balancer says of its backends on its metrics page: which are up and how many sessions they have.
// Reads the Prometheus text format as far as these two need it, bounded in time and size.

import type { Observe, Observed } from './candidates.ts';

export type ObservedResult =
  { readonly ok: true; readonly observe: Observe } | { readonly ok: false; readonly message: string };

const UP = 'ultrabalancer_l4_backend_up';
const SESSIONS = 'ultrabalancer_l4_backend_sessions';
const PATIENCE_MS = 5000;
/** Ten thousand backends take some twenty. */
const MOST_BYTES = 64 * 1024 * 1024;

export async function observeRunning(url: string): Promise<ObservedResult> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) return { ok: false, message: `${url} answers ${response.status}` };
    const text = await boundedText(response);
    if (text === undefined) return { ok: false, message: `${url} is too large to be a metrics page` };
    const states = parseStates(text);
    if (states.size === 0)
      return { ok: false, message: `${url} has no ${UP}: not the metrics page of ultrabalancer-l4` };
    return { ok: true, observe: (pool, backend) => states.get(`${pool}\0${backend}`) };
  } catch (error) {
    return { ok: false, message: `cannot ask ${url}: ${reasonOf(error)}` };
  }
}

async function boundedText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MOST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** By pool and backend. */
export function parseStates(text: string): ReadonlyMap<string, Observed> {
  const states = new Map<string, Observed>();
  for (const line of text.split('\n')) {
    const sample = /^(\w+)\{(.*)\} (\S+)/.exec(line);
    const [, name, labelText = '', value] = sample ?? [];
    if (name !== UP && name !== SESSIONS) continue;
    const labels = parseLabels(labelText);
    const key = `${labels.get('pool') ?? ''}\0${labels.get('backend') ?? ''}`;
    const known = states.get(key) ?? { up: undefined, sessions: undefined };
    states.set(
      key,
      name === UP ? { ...known, up: Number(value) === 1 } : { ...known, sessions: Number(value) },
    );
  }
  return states;
}

function parseLabels(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
    );
  }
  return labels;
}

/** fetch says no more than that it failed; the reason is below. */
function reasonOf(error: unknown): string {
  const { message, cause, name } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return `no answer in ${PATIENCE_MS / 1000} s`;
  return cause?.code ?? cause?.message ?? message;
}
