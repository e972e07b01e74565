// Asks the admin interface that served this page. The token goes into the Authorization header, never into a cookie or
// an address; it is kept for this tab alone. What fails is a value, told in words.

import { createEventReader } from '../api/event-stream.ts';
import type { AdminEvent, SeriesView, SessionList, StateView } from '../api/views.ts';

export type Asked<T> =
  | { readonly ok: true; readonly body: T }
  /** `status` is 0 when nobody answered. */
  | { readonly ok: false; readonly status: number; readonly message: string };

export interface Client {
  state(): Promise<Asked<StateView>>;
  series(after: number): Promise<Asked<SeriesView>>;
  sessions(filter: string): Promise<Asked<SessionList>>;
  kill(id: string): Promise<Asked<unknown>>;
  /** A verb of a backend: drain, maintenance, ready, weight. */
  act(pool: string, backend: string, verb: string, body?: object): Promise<Asked<unknown>>;
  /** Until the stream or the signal ends. */
  watch(onEvent: (event: AdminEvent) => void, onOpen: () => void, signal: AbortSignal): Promise<Asked<null>>;
}

const PATIENCE_MS = 8000;

export function createClient(token: string): Client {
  const headers = { authorization: `Bearer ${token}` };

  async function ask<T>(method: string, path: string, body?: object): Promise<Asked<T>> {
    try {
      const answer = await fetch(path, {
        method,
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout(PATIENCE_MS),
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (answer.ok) return { ok: true, body: (await answer.json()) as T };
      return { ok: false, status: answer.status, message: await reasonOf(answer) };
    } catch (error) {
      return { ok: false, status: 0, message: unreachable(error) };
    }
  }

  async function watch(
    onEvent: (event: AdminEvent) => void,
    onOpen: () => void,
    signal: AbortSignal,
  ): Promise<Asked<null>> {
    try {
      const answer = await fetch('/v1/events', { headers, signal, credentials: 'omit', cache: 'no-store' });
      if (!answer.ok || answer.body === null)
        return { ok: false, status: answer.status, message: await reasonOf(answer) };
      onOpen();
      const feed = createEventReader((name, data) => {
        if (name !== 'missed') onEvent(data as AdminEvent);
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return { ok: true, body: null };
        feed(value);
      }
    } catch (error) {
      if (signal.aborted) return { ok: true, body: null };
      return { ok: false, status: 0, message: unreachable(error) };
    }
  }

  return {
    state: () => ask('GET', '/v1/state'),
    series: (after) => ask('GET', `/v1/series?after=${after}`),
    sessions: (filter) => ask('GET', `/v1/sessions?${filter}`),
    kill: (id) => ask('DELETE', `/v1/sessions/${encodeURIComponent(id)}`),
    act: (pool, backend, verb, body) =>
      ask(
        'POST',
        `/v1/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(backend)}/${verb}`,
        body,
      ),
    watch,
  };
}

async function reasonOf(answer: Response): Promise<string> {
  const body: unknown = await answer.json().catch(() => undefined);
  const told = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : '';
  return told === '' ? `it answered with status ${answer.status}` : told;
}

function unreachable(error: unknown): string {
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'no answer in time' : 'no answer';
}
