// `ultrabalancer-l4 ctl`: asks a running balancer, or tells it to do something. Each verb is one request; answers are
// tables for people or, with --json, what the admin interface said. Exit codes: 0 done, 1 not done, 2 bad command line.

import { oneLine } from '../errors.ts';
import type { AdminClient, ClientAnswer } from './client.ts';
import type { AdminEvent, DrainOptions, SessionList, StateView } from './operations.ts';
import { printBackends, printSessions, printState } from './print.ts';

export interface CtlParts {
  readonly client: AdminClient;
  readonly json: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export interface SessionOptions {
  readonly limit?: number;
  readonly listener?: string;
  readonly pool?: string;
  readonly backend?: string;
  readonly client?: string;
}

export interface AddOptions {
  readonly weight?: number;
  readonly maxConnections?: number;
  readonly backup?: boolean;
}

/** Every verb answers with an exit code. `pool` may be left out where only one pool has that backend. */
export interface Ctl {
  status(): Promise<number>;
  backends(): Promise<number>;
  sessions(options: SessionOptions): Promise<number>;
  reload(): Promise<number>;
  weight(backend: string, weight: number, pool?: string): Promise<number>;
  drain(backend: string, pool?: string, options?: Partial<DrainOptions>): Promise<number>;
  drainListener(listener: string, options?: Partial<DrainOptions>): Promise<number>;
  readyListener(listener: string): Promise<number>;
  maintenance(backend: string, pool?: string): Promise<number>;
  ready(backend: string, pool?: string): Promise<number>;
  add(host: string, port: number, pool: string, options: AddOptions): Promise<number>;
  remove(backend: string, pool?: string): Promise<number>;
  kill(id: string): Promise<number>;
  logLevel(level: string): Promise<number>;
  /** Until the signal, or the end of the balancer. */
  events(signal: AbortSignal): Promise<number>;
}

const DONE = 0;
const NOT_DONE = 1;

export function createCtl({ client, json, out, err }: CtlParts): Ctl {
  function fail(message: string): number {
    err(`${message.split('\n').map(oneLine).join('\n')}\n`);
    return NOT_DONE;
  }

  function finish(answer: ClientAnswer, print: (body: unknown) => string): number {
    if (!answer.ok) return fail(answer.message);
    out(json ? `${JSON.stringify(answer.body, null, 2)}\n` : print(answer.body));
    return DONE;
  }

  const quiet = (): string => '';

  /** The path of a backend, or why there is none. */
  async function backendPath(
    backend: string,
    pool: string | undefined,
  ): Promise<string | { readonly problem: string }> {
    if (pool !== undefined) return pathOf(pool, backend);
    const answer = await client.get('/v1/state');
    if (!answer.ok) return { problem: answer.message };
    const owners = (answer.body as StateView).pools.filter(({ backends }) =>
      backends.some((each) => each.configured && each.backend === backend),
    );
    const [owner] = owners;
    if (owner === undefined) return { problem: `no pool has a backend ${backend}` };
    if (owners.length > 1) {
      const names = owners.map(({ name }) => name).join(', ');
      return { problem: `${backend} is in several pools (${names}): say which with --pool` };
    }
    return pathOf(owner.name, backend);
  }

  async function onBackend(
    backend: string,
    pool: string | undefined,
    verb: (path: string) => Promise<ClientAnswer>,
  ): Promise<number> {
    const path = await backendPath(backend, pool);
    return typeof path === 'string' ? finish(await verb(path), quiet) : fail(path.problem);
  }

  return {
    status: async () => finish(await client.get('/v1/state'), (body) => printState(body as StateView)),
    backends: async () => finish(await client.get('/v1/state'), (body) => printBackends(body as StateView)),
    async sessions(options) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(options))
        if (value !== undefined) query.set(name, String(value));
      const answer = await client.get(`/v1/sessions?${query.toString()}`);
      return finish(answer, (body) => printSessions(body as SessionList));
    },
    async reload() {
      const answer = await client.post('/v1/reload');
      return finish(answer, (body) => `generation ${(body as { generation: number }).generation}\n`);
    },
    weight: (backend, weight, pool) =>
      onBackend(backend, pool, (path) => client.post(`${path}/weight`, { weight })),
    drain: (backend, pool, options = {}) =>
      onBackend(backend, pool, (path) => client.post(`${path}/drain`, bodyOf(options))),
    drainListener: async (listener, options = {}) =>
      finish(await client.post(`${listenerPath(listener)}/drain`, bodyOf(options)), quiet),
    readyListener: async (listener) => finish(await client.post(`${listenerPath(listener)}/ready`), quiet),
    maintenance: (backend, pool) => onBackend(backend, pool, (path) => client.post(`${path}/maintenance`)),
    ready: (backend, pool) => onBackend(backend, pool, (path) => client.post(`${path}/ready`)),
    async add(host, port, pool, { weight, maxConnections, backup }) {
      const body = {
        host,
        port,
        ...(weight === undefined ? {} : { weight }),
        ...(maxConnections === undefined ? {} : { max_connections: maxConnections }),
        ...(backup === undefined ? {} : { backup }),
      };
      return finish(await client.post(`/v1/pools/${encodeURIComponent(pool)}/backends`, body), quiet);
    },
    remove: (backend, pool) => onBackend(backend, pool, (path) => client.delete(path)),
    kill: async (id) => finish(await client.delete(`/v1/sessions/${encodeURIComponent(id)}`), quiet),
    logLevel: async (level) => finish(await client.post('/v1/log-level', { level }), quiet),
    async events(signal) {
      const answer = await client.watch(
        (name, data) => out(json ? `${JSON.stringify(data)}\n` : eventLine(name, data)),
        signal,
      );
      return answer.ok ? DONE : fail(answer.message);
    },
  };
}

/** Nothing where nothing is asked for. */
function bodyOf(options: Partial<DrainOptions>): object | undefined {
  return Object.keys(options).length === 0 ? undefined : options;
}

function listenerPath(listener: string): string {
  return `/v1/listeners/${encodeURIComponent(listener)}`;
}

function pathOf(pool: string, backend: string): string {
  return `/v1/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(backend)}`;
}

function eventLine(name: string, data: unknown): string {
  if (name === 'missed') return `(${(data as { count: number }).count} events were missed)\n`;
  const { time, level, message } = data as AdminEvent;
  return `${new Date(time).toISOString()} ${level.padEnd(5)} ${oneLine(message)}\n`;
}
