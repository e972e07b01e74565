// Talks to the admin interface of a running balancer: one request, one answer as a value, bounded in size and time.
// Knows HTTP and where to find it, not what the answers mean.

import { type IncomingMessage, request, type RequestOptions } from 'node:http';

import { createEventReader } from '../api/event-stream.ts';
import { describeError } from '../errors.ts';

export type AdminTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly token: string };

export type ClientAnswer =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  /** `status` is 0 when nobody answered. */
  | { readonly ok: false; readonly status: number; readonly message: string };

export interface AdminClient {
  get(path: string): Promise<ClientAnswer>;
  post(path: string, body?: object): Promise<ClientAnswer>;
  delete(path: string): Promise<ClientAnswer>;
  /** Calls back with the data of each event until the stream or the signal ends. Rejects never. */
  watch(onEvent: (name: string, data: unknown) => void, signal: AbortSignal): Promise<ClientAnswer>;
}

const MOST_BYTES = 64 * 1024 * 1024;
/** A reload may take as long as names do to resolve. */
const ANSWER_MS = 60_000;

export function createAdminClient(target: AdminTarget): AdminClient {
  const identity: Readonly<Record<string, string>> =
    target.kind === 'socket' ? { host: 'localhost' } : { authorization: `Bearer ${target.token}` };
  const place: RequestOptions =
    target.kind === 'socket' ? { socketPath: target.path } : { host: target.host, port: target.port };

  function ask(method: string, path: string, body?: object): Promise<ClientAnswer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve) => {
      const headers = {
        ...identity,
        ...(text === ''
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const asked = request({ ...place, method, path, headers, signal: AbortSignal.timeout(ANSWER_MS) });
      asked.on('error', (error) => resolve(failure(error)));
      asked.on('response', (response) => void readAnswer(response).then(resolve));
      asked.end(text);
    });
  }

  function watch(onEvent: (name: string, data: unknown) => void, signal: AbortSignal): Promise<ClientAnswer> {
    return new Promise((resolve) => {
      const asked = request({ ...place, path: '/v1/events', headers: identity, signal });
      asked.on('error', (error) => resolve(signal.aborted ? ended : failure(error)));
      asked.on('response', (response) => {
        if (response.statusCode !== 200) {
          void readAnswer(response).then(resolve);
          return;
        }
        const feed = createEventReader(onEvent);
        response.setEncoding('utf8');
        response.on('data', feed);
        response.on('error', (error) => resolve(signal.aborted ? ended : failure(error)));
        response.on('end', () => resolve(ended));
      });
      asked.end();
    });
  }

  return {
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, body),
    delete: (path) => ask('DELETE', path),
    watch,
  };
}

const ended: ClientAnswer = { ok: true, status: 200, body: undefined };

function failure(error: Error): ClientAnswer {
  const message = error.name === 'TimeoutError' ? 'no answer in time' : describeError(error);
  return { ok: false, status: 0, message };
}

async function readAnswer(response: IncomingMessage): Promise<ClientAnswer> {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) return { ok: false, status, message: 'the answer is too long' };
      chunks.push(chunk);
    }
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (status < 300) return { ok: true, status, body };
    const told = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : '';
    return { ok: false, status, message: told === '' ? `status ${status}` : told };
  } catch (error) {
    return {
      ok: false,
      status,
      message: error instanceof SyntaxError ? 'the answer is not JSON' : describeError(error),
    };
  }
}
