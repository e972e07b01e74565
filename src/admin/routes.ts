// Every route as data: what it takes, what it answers, what it does. Registered by server.ts, described by openapi.ts.
// GET changes nothing, POST and DELETE do. Knows HTTP statuses but neither sockets nor fastify.

import type { z } from 'zod';

import type { Answer, Operations } from './operations.ts';
import * as schemas from './schemas.ts';

export interface Reply {
  readonly status: number;
  readonly body: object;
}

/** What came with a request, each part as its schema made it. */
export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` stands for a part that params have. */
  readonly url: string;
  readonly summary: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of a good answer. */
  readonly status: 200 | 201;
  readonly answer: z.ZodType;
  run(input: Input): Reply | Promise<Reply>;
}

/** A route whose parts have the types of their schemas. */
interface Typed<P, Q, B> {
  readonly method: Route['method'];
  readonly url: string;
  readonly summary: string;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  readonly status?: Route['status'];
  readonly answer?: z.ZodType;
  run(input: { readonly params: P; readonly query: Q; readonly body: B }): Reply | Promise<Reply>;
}

/** Method parameters are compared loosely, so the compiler takes this; the schemas make it true. */
function route<P = unknown, Q = unknown, B = unknown>(typed: Typed<P, Q, B>): Route {
  return { status: 200, answer: schemas.doneSchema, ...typed };
}

const STATUS = { unknown: 404, invalid: 400, refused: 409 } as const;

function reply<T>(answer: Answer<T>, status: number = 200): Reply {
  if (!answer.ok) return { status: STATUS[answer.kind], body: { error: answer.message } };
  const { ok, ...rest } = answer;
  return { status, body: { done: ok, ...rest } };
}

export function createRoutes(operations: Operations): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/state',
      summary: 'Listeners, pools, backends and workers: health, counters, what is in force.',
      answer: schemas.stateSchema,
      run: () => ({ status: 200, body: operations.state() }),
    }),
    route({
      method: 'GET',
      url: '/v1/series',
      summary: 'What went on each second, for ten minutes; taken while somebody asks and for as long after.',
      query: schemas.seriesQuerySchema,
      answer: schemas.seriesSchema,
      run: ({ query: { after } }) => ({ status: 200, body: operations.series(after) }),
    }),
    route({
      method: 'GET',
      url: '/v1/sessions',
      summary: 'Open sessions, some of them.',
      query: schemas.sessionQuerySchema,
      answer: schemas.sessionListSchema,
      run({ query: { limit, ...filter } }) {
        return { status: 200, body: operations.sessions(filter, limit) };
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/sessions/:id',
      summary: 'Ends a session, if it is still there.',
      params: schemas.sessionParamsSchema,
      run: ({ params: { id } }) => reply(operations.kill(id)),
    }),
    route({
      method: 'POST',
      url: '/v1/reload',
      summary: 'Takes the config file as it is now, or leaves everything as it was.',
      body: schemas.emptyBodySchema,
      answer: schemas.reloadedSchema,
      run: async () => reply(await operations.reload()),
    }),
    route({
      method: 'POST',
      url: '/v1/log-level',
      summary: 'How much is logged, until the next reload.',
      body: schemas.levelBodySchema,
      run({ body: { level } }) {
        operations.setLogLevel(level);
        return { status: 200, body: { done: true } };
      },
    }),
    ...listenerRoutes(operations),
    ...backendRoutes(operations),
  ];
}

/** What was sent, if anything was. */
function given<T>(body: T | null | undefined): [] | [T] {
  return body === null || body === undefined ? [] : [body];
}

function listenerRoutes(operations: Operations): readonly Route[] {
  const params = schemas.listenerParamsSchema;
  return [
    route({
      method: 'POST',
      url: '/v1/listeners/:listener/drain',
      summary: 'Accepts nobody any more; open sessions may finish, or are ended as the body says.',
      params,
      body: schemas.drainBodySchema,
      run: async ({ params: { listener }, body }) =>
        reply(await operations.drainListener(listener, ...given(body))),
    }),
    route({
      method: 'POST',
      url: '/v1/listeners/:listener/ready',
      summary: 'Accepts again.',
      params,
      body: schemas.emptyBodySchema,
      run: async ({ params: { listener } }) => reply(await operations.releaseListener(listener)),
    }),
  ];
}

function backendRoutes(operations: Operations): readonly Route[] {
  const BACKENDS = '/v1/pools/:pool/backends';
  const params = schemas.backendParamsSchema;
  return [
    route({
      method: 'POST',
      url: BACKENDS,
      summary: 'Adds a backend to a pool, until the next reload.',
      params: schemas.poolParamsSchema,
      body: schemas.newBackendSchema,
      status: 201,
      run: async ({ params: { pool }, body }) => reply(await operations.add(pool, body), 201),
    }),
    route({
      method: 'DELETE',
      url: `${BACKENDS}/:backend`,
      summary: 'Removes a backend, until the next reload; its sessions may finish.',
      params,
      run: async ({ params: { pool, backend } }) => reply(await operations.remove(pool, backend)),
    }),
    route({
      method: 'POST',
      url: `${BACKENDS}/:backend/weight`,
      summary: 'How much of the new sessions it gets.',
      params,
      body: schemas.weightBodySchema,
      run: ({ params: { pool, backend }, body }) => reply(operations.setWeight(pool, backend, body.weight)),
    }),
    route({
      method: 'POST',
      url: `${BACKENDS}/:backend/drain`,
      summary: 'No new sessions; open ones may finish, or are ended as the body says.',
      params,
      body: schemas.drainBodySchema,
      run: ({ params: { pool, backend }, body }) =>
        reply(operations.hold(pool, backend, 'drain', ...given(body))),
    }),
    route({
      method: 'POST',
      url: `${BACKENDS}/:backend/maintenance`,
      summary: 'No new sessions; open ones are ended.',
      params,
      body: schemas.emptyBodySchema,
      run: ({ params: { pool, backend } }) => reply(operations.hold(pool, backend, 'maintenance')),
    }),
    route({
      method: 'POST',
      url: `${BACKENDS}/:backend/ready`,
      summary: 'Takes new sessions again.',
      params,
      body: schemas.emptyBodySchema,
      run: ({ params: { pool, backend } }) => reply(operations.release(pool, backend)),
    }),
  ];
}
