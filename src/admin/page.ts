// The files of the dashboard: read once, served as they are, without a token, since they hold nothing. A closed list of
// paths, so nothing else of the disk can be asked for. The policy that goes with them lets the page run its own scripts
// and talk to its own origin, and nothing more.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { packageRoot } from '../engine/load.ts';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // No text ever becomes markup: the browser itself refuses it.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-cache',
};

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

/** By path. */
type Assets = ReadonlyMap<string, Asset>;

/** Whether a request is for a file of the page, which the page may be asked for without a token while it is served. */
export function isOfPage({ routeOptions }: FastifyRequest): boolean {
  const { served } = routeOptions.config as { readonly served?: () => boolean };
  return served?.() ?? false;
}

/** `on` is asked at each request. */
export function servePage(app: FastifyInstance, on: () => boolean): void {
  let assets: Assets | undefined;
  const answer = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const asset = on() ? (assets ??= readAssets()).get(request.routeOptions.url ?? '') : undefined;
    if (asset === undefined) return reply.code(404).send({ error: 'the dashboard is off: admin.dashboard' });
    return reply.headers(HEADERS).type(asset.type).send(asset.body);
  };
  for (const { path } of listAssets()) {
    app.route({ method: 'GET', url: path, config: { served: on }, handler: answer });
  }
}

interface Place {
  readonly path: string;
  readonly file: string;
}

function listAssets(): readonly Place[] {
  const root = packageRoot();
  const uplot = (name: string): string => createRequire(import.meta.url).resolve(`uplot/dist/${name}`);
  const modules = ['dashboard', 'api'].flatMap((folder) =>
    readdirSync(join(root, 'dist', folder))
      .filter((name) => name.endsWith('.js'))
      .map((name) => ({ path: `/assets/${folder}/${name}`, file: join(root, 'dist', folder, name) })),
  );
  return [
    { path: '/', file: join(root, 'assets/dashboard/index.html') },
    { path: '/assets/style.css', file: join(root, 'assets/dashboard/style.css') },
    { path: '/assets/icon.svg', file: join(root, 'assets/dashboard/icon.svg') },
    { path: '/assets/uplot.js', file: uplot('uPlot.esm.js') },
    { path: '/assets/uplot.css', file: uplot('uPlot.min.css') },
    ...modules,
  ];
}

function readAssets(): Assets {
  return new Map(
    listAssets().map(({ path, file }) => [
      path,
      { type: TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? '', body: readFileSync(file) },
    ]),
  );
}
