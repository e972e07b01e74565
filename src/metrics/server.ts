// Metrics and readiness over HTTP: the page that Prometheus scrapes, /healthz (the process answers) and /readyz (it is
// worth sending clients to). Everything is bounded, so that no scraper can hold the process up or keep it from ending.
// Knows no metric.

import { Server } from 'node:net';

import { fastify, type FastifyInstance } from 'fastify';

import type { PrometheusSettings } from '../config/config.ts';
import { describeError } from '../errors.ts';
import { descriptorOf, listenOnAddress } from '../listen.ts';
import type { Metrics } from './registry.ts';

export interface MetricsServer {
  readonly host: string;
  /** The one it really listens on. */
  readonly port: number;
  /** What listens. */
  descriptor(): number | undefined;
  /** Takes no new connections; those that are there have a moment to be answered, then it closes. */
  release(): void;
  /** Ends connections too. Never rejects; harmless when repeated. */
  close(): Promise<void>;
}

export type MetricsServerOptions = Pick<PrometheusSettings, 'host' | 'port' | 'path'>;

const MOST_CONNECTIONS = 64;
const MOST_HEADER_BYTES = 8192;
/** From the beginning of a request to the end of its headers. */
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
/** Silence on a connection; scrapers that keep theirs come every 15 s or so. */
const CONNECTION_MS = 60_000;
/** For questions under way when another process answers from now on. */
const LAST_ANSWERS_MS = 500;

/**
 * Rejects with a Node-shaped error that has code, address and port when it cannot listen there. What `state` answers is
 * told at /healthz. A descriptor listens there already, and becomes the server's.
 */
export async function startMetricsServer(
  options: MetricsServerOptions,
  metrics: Metrics,
  state: () => object = () => ({}),
  descriptor?: number,
): Promise<MetricsServer> {
  const { host, port, path } = options;
  const app = createApp(path, metrics, state);
  try {
    await app.ready();
    await listenOnAddress(app.server, host, port, descriptor);
  } catch (error) {
    metrics.close();
    await app.close();
    throw Object.assign(error as Error, { address: host, port });
  }
  app.server.unref();
  const address = app.server.address();
  let closing: Promise<void> | undefined;
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    descriptor: () => descriptorOf(app.server),
    release() {
      // The close of an HTTP server would also end connections that have not asked yet, and their question is on its way.
      Server.prototype.close.call(app.server);
      setTimeout(() => void app.close(), LAST_ANSWERS_MS).unref();
    },
    close() {
      metrics.close();
      closing ??= closeApp(app);
      return closing;
    },
  };
}

/** Fastify ends the connections of a server that it made listen itself, which this is not: a quiet one would hold it. */
async function closeApp(app: FastifyInstance): Promise<void> {
  app.server.close();
  app.server.closeAllConnections();
  await app.close();
}

function createApp(path: string, metrics: Metrics, state: () => object): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    requestTimeout: REQUEST_MS,
    connectionTimeout: CONNECTION_MS,
    keepAliveTimeout: CONNECTION_MS,
    // What is answered while it closes is answered as ever.
    return503OnClosing: false,
    http: { maxHeaderSize: MOST_HEADER_BYTES, headersTimeout: HEADERS_MS },
  });
  app.server.maxConnections = MOST_CONNECTIONS;

  app.get(path, async (_request, reply) => {
    const page = await metrics.scrape();
    return reply.type(metrics.contentType).header('cache-control', 'no-store').send(page);
  });
  app.get('/healthz', () => ({ alive: true, ...state() }));
  app.get('/readyz', (_request, reply) => {
    const verdict = metrics.readiness();
    return reply.code(verdict.ready ? 200 : 503).send(verdict);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'not found', try: [path, '/healthz', '/readyz'] }),
  );
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    return reply.code(status).send({ error: describeError(error) });
  });
  return app;
}
