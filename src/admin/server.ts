// The admin interface over HTTP, on a Unix socket or, with a token, over TCP. JSON alone, every request held to a
// schema and to bounds of size, number and time. What is asked for is done by Operations; who may ask, by a guard.

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';

import { describeError, place } from '../errors.ts';
import { descriptorOf, listenOnAddress, listenOnSocket, type Named, type SocketOptions } from '../listen.ts';
import { createEventStreams, type EventStreams } from './events.ts';
import { type Guard, pageGuard, socketGuard, tokenGuard } from './guard.ts';
import { openApi } from './openapi.ts';
import type { Operations } from './operations.ts';
import { isOfPage, servePage } from './page.ts';
import { createRoutes, type Input, type Route } from './routes.ts';

export type AdminPlace =
  | { readonly kind: 'socket'; readonly path: string }
  /** Without a token there is no such thing. */
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly token: string;
      /** Whether the page is served. */
      readonly dashboard: boolean;
    };

export interface AdminServer {
  /** For people: a path, or `host:port` as it is. */
  readonly where: string;
  /** Of TCP; 0 for a socket. */
  readonly port: number;
  /** What listens; undefined for a socket. */
  descriptor(): number | undefined;
  /** Takes the socket's name from another process, where it was opened to replace that one's. */
  publish(): void;
  /** From now on what is said of the same place holds: another token, the page or none. */
  follow(where: AdminPlace): void;
  /**
   * Nobody comes in any more and the socket is gone at once; answers under way have a moment, then connections are
   * ended. Never rejects; harmless when repeated.
   */
  close(): Promise<void>;
}

export type AdminStart =
  | { readonly ok: true; readonly server: AdminServer }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface AdminOpening extends SocketOptions {
  /** Of TCP: listens already. */
  readonly descriptor?: number | undefined;
}

const MOST_CONNECTIONS = 64;
const MOST_BODY = 64 * 1024;
const MOST_HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
/** For answers under way when it closes. */
const LAST_ANSWERS_MS = 500;
const SILENCE_MS = 60_000;
/** Names of pools and backends in a path, encoded. */
const MOST_PARAM = 2048;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export async function startAdminServer(
  where: AdminPlace,
  operations: Operations,
  version: string,
  opening: AdminOpening = {},
): Promise<AdminStart> {
  let now = where;
  let guard = guardOf(where);
  const events = createEventStreams({ listen: (listener) => operations.listen(listener) });
  const app = createApp((asked) => guard(asked), createRoutes(operations), events, version);
  if (where.kind === 'tcp') servePage(app, () => now.kind === 'tcp' && now.dashboard);
  let named: Named | undefined;
  try {
    await app.ready();
    if (where.kind === 'socket') named = await listenOnSocket(app.server, where.path, opening);
    else await listenOnAddress(app.server, where.host, where.port, opening.descriptor);
  } catch (error) {
    events.close();
    await app.close();
    return { ok: false, code: (error as NodeJS.ErrnoException).code ?? '', message: describeError(error) };
  }
  app.server.unref();
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  let closing: Promise<void> | undefined;
  return {
    ok: true,
    server: {
      where: where.kind === 'socket' ? where.path : place(where.host, port),
      port,
      descriptor: () => (where.kind === 'tcp' ? descriptorOf(app.server) : undefined),
      publish: () => named?.publish(),
      follow(next) {
        now = next;
        guard = guardOf(next);
      },
      close() {
        if (closing === undefined) named?.remove();
        closing ??= closeApp(app, events);
        return closing;
      },
    },
  };
}

function guardOf(where: AdminPlace): Guard {
  return where.kind === 'socket' ? socketGuard : tokenGuard(where.token);
}

async function closeApp(app: FastifyInstance, events: EventStreams): Promise<void> {
  events.close();
  const impatience = setTimeout(() => app.server.closeAllConnections(), LAST_ANSWERS_MS);
  await app.close();
  clearTimeout(impatience);
}

function createApp(
  guard: Guard,
  routes: readonly Route[],
  events: EventStreams,
  version: string,
): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY,
    requestTimeout: REQUEST_MS,
    connectionTimeout: SILENCE_MS,
    keepAliveTimeout: SILENCE_MS,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MOST_PARAM },
    http: { maxHeaderSize: MOST_HEADER_BYTES, headersTimeout: HEADERS_MS },
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    const asked = { host, origin, authorization };
    const verdict = isOfPage(request) ? pageGuard(asked) : guard(asked);
    if (verdict.ok) return;
    if (verdict.status === 401) reply.header('www-authenticate', 'Bearer');
    await fail(reply, verdict.status, verdict.message);
  });
  app.setNotFoundHandler((_request, reply) =>
    fail(reply, 404, 'no such path; GET /v1/openapi.json tells which there are'),
  );
  app.setErrorHandler((error, _request, reply) =>
    fail(reply, (error as { statusCode?: number }).statusCode ?? 500, describeError(error)),
  );

  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.url,
      handler: (request, reply) => answer(route, request, reply),
    });
  }
  const document = openApi(routes, version);
  app.get('/v1/openapi.json', () => document);
  app.get('/v1/events', (request, reply) => stream(events, request, reply));
  refuseOtherMethods(app, routes);
  return app;
}

function fail(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).send({ error: message });
}

async function answer(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const params = parsed(route.params, request.params, 'path');
  if (!params.ok) return fail(reply, 400, params.message);
  const query = parsed(route.query ?? NOTHING, request.query, 'query');
  if (!query.ok) return fail(reply, 400, query.message);
  const body = parsed(route.body ?? NOTHING.nullish(), request.body, 'body');
  if (!body.ok) return fail(reply, 400, body.message);
  const input: Input = { params: params.value, query: query.value, body: body.value };
  const { status, body: told } = await route.run(input);
  return reply.code(status).header('cache-control', 'no-store').send(told);
}

/** Where nothing is wanted, something is a mistake. */
const NOTHING = z.strictObject({});

type Parsed =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

function parsed(schema: z.ZodType | undefined, value: unknown, part: string): Parsed {
  if (schema === undefined) return { ok: true, value };
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${[part, ...path].join('.')}: ${message}`);
  return { ok: false, message: problems.join('; ') };
}

function stream(events: EventStreams, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (events.full()) return fail(reply, 503, 'too many are watching');
  const seen = /^\d{1,15}$/.exec(String(request.headers['last-event-id'] ?? ''))?.[0];
  reply.hijack();
  const { raw } = reply;
  raw.on('error', () => undefined);
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'close',
  });
  const { leave } = events.join(raw, seen === undefined ? undefined : Number(seen));
  raw.on('close', leave);
  return reply;
}

/** Told apart from a path that is not there: a GET of something that changes state is a mistake worth a word. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  const allowed = new Map<string, Set<string>>([
    ['/v1/openapi.json', new Set(['GET'])],
    ['/v1/events', new Set(['GET'])],
  ]);
  for (const { url, method } of routes) allowed.set(url, (allowed.get(url) ?? new Set()).add(method));
  for (const [url, methods] of allowed) {
    const method = METHODS.filter((each) => !methods.has(each));
    app.route({
      method,
      url,
      handler: (_request, reply) =>
        fail(reply.header('allow', [...methods].join(', ')), 405, 'not with this method'),
    });
  }
}
