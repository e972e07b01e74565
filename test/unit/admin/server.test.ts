import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request, type RequestOptions } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import type { z } from 'zod';
import { seriesSchema, sessionListSchema, stateSchema } from '#src/admin/schemas.js';
import { type AdminPlace, type AdminServer, startAdminServer } from '#src/admin/server.js';
import { type FakeOperations, fakeOperations, folder } from './fake-operations.ts';

const TOKEN = 'a-token-of-some-length';

interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

interface Running {
  readonly server: AdminServer;
  readonly operations: FakeOperations;
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Told>;
}

async function tell(options: RequestOptions, body?: string): Promise<Told> {
  const asked = request(options);
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  const said = await text(response);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: said === '' ? undefined : JSON.parse(said),
  };
}

async function start(t: TestContext, where?: AdminPlace): Promise<Running> {
  const operations = fakeOperations();
  const place = where ?? { kind: 'socket', path: join(folder(t), 'admin.sock') };
  const started = await startAdminServer(place, operations, '1.2.3');
  assert.ok(started.ok, started.ok ? '' : started.message);
  const { server } = started;
  t.after(() => server.close());
  const to: RequestOptions =
    place.kind === 'socket' ? { socketPath: place.path } : { host: '127.0.0.1', port: server.port };
  const token: Record<string, string> = place.kind === 'socket' ? {} : { authorization: `Bearer ${TOKEN}` };
  return {
    server,
    operations,
    ask(method, path, body, headers = {}) {
      const json = body === undefined ? {} : { 'content-type': 'application/json' };
      const options = { ...to, method, path, agent: false, headers: { ...token, ...json, ...headers } };
      return tell(options, typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
    },
  };
}

const TCP: AdminPlace = { kind: 'tcp', host: '127.0.0.1', port: 0, token: TOKEN, dashboard: true };
const BACKEND = '/v1/pools/app/backends/127.0.0.1%3A9001';

test('every verb arrives with what it was given', async (t) => {
  const { ask, operations } = await start(t);
  const verbs: readonly (readonly [string, string, unknown, unknown[]])[] = [
    ['POST', '/v1/reload', undefined, ['reload']],
    ['POST', '/v1/reload', {}, ['reload']],
    ['POST', `${BACKEND}/weight`, { weight: 5 }, ['weight', 'app', '127.0.0.1:9001', 5]],
    ['POST', `${BACKEND}/drain`, undefined, ['drain', 'app', '127.0.0.1:9001']],
    [
      'POST',
      `${BACKEND}/drain`,
      { timeout: 60, rate: 'even' },
      ['drain', 'app', '127.0.0.1:9001', { timeout: 60, rate: 'even', order: 'idle', idle: 1 }],
    ],
    ['POST', '/v1/listeners/web/drain', undefined, ['drain-listener', 'web']],
    [
      'POST',
      '/v1/listeners/web/drain',
      { rate: 50, order: 'oldest' },
      ['drain-listener', 'web', { timeout: 0, rate: 50, order: 'oldest', idle: 1 }],
    ],
    ['POST', '/v1/listeners/web/ready', {}, ['ready-listener', 'web']],
    ['POST', `${BACKEND}/maintenance`, {}, ['maintenance', 'app', '127.0.0.1:9001']],
    ['POST', `${BACKEND}/ready`, undefined, ['ready', 'app', '127.0.0.1:9001']],
    ['DELETE', BACKEND, undefined, ['remove', 'app', '127.0.0.1:9001']],
    ['DELETE', '/v1/sessions/0-17', undefined, ['kill', '0-17']],
    ['POST', '/v1/log-level', { level: 'debug' }, ['log-level', 'debug']],
    ['GET', '/v1/sessions', undefined, ['sessions', {}, 100]],
    [
      'GET',
      '/v1/sessions?limit=7&client=%3A%3A1&pool=app',
      undefined,
      ['sessions', { client: '::1', pool: 'app' }, 7],
    ],
  ];
  for (const [method, path, body, done] of verbs) {
    const { status } = await ask(method, path, body);
    assert.equal(status, 200, `${method} ${path}`);
    assert.deepEqual(operations.done.at(-1), done);
  }
  const added = await ask('POST', '/v1/pools/app/backends', { host: 'db.example', port: 5432 });
  assert.equal(added.status, 201);
  const backend = { host: 'db.example', port: 5432, weight: 1, max_connections: 0, backup: false };
  assert.deepEqual(operations.done.at(-1), ['add', 'app', backend]);
});

test('names are data, however they are spelled', async (t) => {
  const { ask, operations } = await start(t);
  for (const pool of ['a/b', 'a b', '..', 'ünï"\\', '%2F', ':pool', '__proto__', 'x'.repeat(400)]) {
    const path = `/v1/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent('[::1]:80')}/drain`;
    assert.equal((await ask('POST', path)).status, 200, pool);
    assert.deepEqual(operations.done.at(-1), ['drain', pool, '[::1]:80']);
  }
});

test('answers are what the schemas promise', async (t) => {
  const { ask } = await start(t);
  const promised: readonly (readonly [string, z.ZodType])[] = [
    ['/v1/state', stateSchema],
    ['/v1/sessions', sessionListSchema],
    ['/v1/series', seriesSchema],
    ['/v1/series?after=1', seriesSchema],
  ];
  for (const [path, schema] of promised) {
    const { status, headers, body } = await ask('GET', path);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual(schema.safeParse(body).error?.issues ?? [], []);
  }
  assert.deepEqual((await ask('POST', '/v1/reload')).body, { done: true, generation: 8 });
});

test('refusals are told apart', async (t) => {
  const { ask, operations } = await start(t);
  for (const [kind, status] of [
    ['unknown', 404],
    ['invalid', 400],
    ['refused', 409],
  ] as const) {
    operations.answer = { ok: false, kind, message: `it is ${kind}` };
    for (const [method, path, body] of [
      ['POST', '/v1/reload', undefined],
      ['POST', `${BACKEND}/weight`, { weight: 1 }],
      ['DELETE', BACKEND, undefined],
    ] as const) {
      const told = await ask(method, path, body);
      assert.deepEqual([told.status, told.body], [status, { error: `it is ${kind}` }]);
    }
  }
});

test('what makes no sense is refused before anything is done', async (t) => {
  const { ask, operations } = await start(t);
  const nonsense: readonly (readonly [string, string, unknown])[] = [
    ['POST', `${BACKEND}/weight`, { weight: -1 }],
    ['POST', `${BACKEND}/weight`, { weight: 1.5 }],
    ['POST', `${BACKEND}/weight`, { weight: '5' }],
    ['POST', `${BACKEND}/weight`, { weight: 65_536 }],
    ['POST', `${BACKEND}/weight`, { weight: 5, wieght: 5 }],
    ['POST', `${BACKEND}/weight`, {}],
    ['POST', `${BACKEND}/weight`, undefined],
    ['POST', `${BACKEND}/weight`, '{"weight":5'],
    ['POST', `${BACKEND}/weight`, '{"weight":5,"__proto__":{"x":1}}'],
    ['POST', `${BACKEND}/weight`, '[]'],
    ['POST', `${BACKEND}/weight`, 'null'],
    ['POST', `${BACKEND}/drain`, { now: true }],
    ['POST', `${BACKEND}/drain`, { rate: 'even' }],
    ['POST', `${BACKEND}/drain`, { timeout: -1 }],
    ['POST', '/v1/reload', { file: '/etc/passwd' }],
    ['POST', '/v1/log-level', { level: 'silent' }],
    ['POST', '/v1/pools/app/backends', { host: 'a b', port: 1 }],
    ['POST', '/v1/pools/app/backends', { host: '::1%eth0', port: 1 }],
    ['POST', '/v1/pools/app/backends', { host: '127.0.0.1', port: 0 }],
    ['POST', '/v1/pools/app/backends', { host: '127.0.0.1', port: 65_536 }],
    ['POST', '/v1/pools/app/backends', { host: '127.0.0.1' }],
    ['GET', '/v1/sessions?limit=0', undefined],
    ['GET', '/v1/sessions?limit=1000000', undefined],
    ['GET', '/v1/sessions?limit=many', undefined],
    ['GET', '/v1/sessions?unknown=1', undefined],
    ['GET', '/v1/state?x=1', undefined],
    ['GET', '/v1/series?after=-1', undefined],
    ['GET', '/v1/series?after=now', undefined],
  ];
  for (const [method, path, body] of nonsense) {
    const told = await ask(method, path, body);
    assert.equal(told.status, 400, `${method} ${path} ${JSON.stringify(body)}`);
    assert.equal(typeof (told.body as { error?: unknown }).error, 'string');
  }
  assert.deepEqual(operations.done, []);
});

test('only JSON, only so much of it, and GET changes nothing', async (t) => {
  const { ask, operations } = await start(t);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
  ]) {
    const told = await ask('POST', `${BACKEND}/weight`, '{"weight":5}', { 'content-type': type });
    assert.equal(told.status, 415, type);
  }
  assert.equal((await ask('POST', '/v1/reload', { padding: 'x'.repeat(100_000) })).status, 413);
  for (const path of ['/v1/reload', '/v1/log-level', `${BACKEND}/drain`, BACKEND, '/v1/sessions/0-1']) {
    const told = await ask('GET', path);
    assert.equal(told.status, 405, path);
    assert.match(String(told.headers.allow), /^(POST|DELETE)$/);
  }
  for (const method of ['PUT', 'PATCH', 'DELETE', 'POST'])
    assert.equal((await ask(method, '/v1/state')).status, 405);
  assert.equal((await ask('GET', '/')).status, 404);
  assert.equal((await ask('GET', '/v2/state')).status, 404);
  assert.deepEqual(operations.done, []);
});

test('over TCP nothing at all without the token', async (t) => {
  const { ask, operations, server } = await start(t, TCP);
  assert.equal((await ask('POST', '/v1/reload')).status, 200);
  for (const path of ['/v1/state', '/v1/events', '/v1/openapi.json', '/no/such/path']) {
    const told = await ask('GET', path, undefined, { authorization: 'Bearer not-the-token-at-all' });
    assert.deepEqual([told.status, told.headers['www-authenticate']], [401, 'Bearer'], path);
  }
  assert.equal((await ask('POST', '/v1/reload', undefined, { host: 'evil.test' })).status, 403);
  assert.equal((await ask('POST', '/v1/reload', undefined, { origin: 'http://127.0.0.1' })).status, 403);
  assert.equal(operations.done.length, 1);
  const own = { host: `127.0.0.1:${server.port}`, origin: `http://127.0.0.1:${server.port}` };
  assert.equal((await ask('POST', '/v1/reload', undefined, own)).status, 200, 'its own page may');
  assert.equal((await ask('POST', '/v1/reload', undefined, { ...own, authorization: '' })).status, 401);
});

test('over TCP the files of the page need no token, and nothing else is a file', async (t) => {
  const { server } = await start(t, TCP);
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const asked = request({ host: '127.0.0.1', port: server.port, path, agent: false, headers });
    asked.end();
    const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  };
  const page = await get('/');
  assert.deepEqual([page.status, page.headers['content-type']], [200, 'text/html; charset=utf-8']);
  const policy = String(page.headers['content-security-policy']);
  assert.match(policy, /^default-src 'none'; /);
  assert.doesNotMatch(policy, /unsafe|\*|http|data:/);
  assert.doesNotMatch(
    page.body,
    /<script(?![^>]* src=)|\son\w+=|style=|:\/\//,
    'nothing inline, nothing from elsewhere',
  );
  const named = [...page.body.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path ?? '');
  assert.ok(named.length >= 5);
  for (const path of named) assert.equal((await get(path)).status, 200, path);
  for (const path of [
    '/assets/dashboard/main.d.ts',
    '/assets/../package.json',
    '/assets/%2e%2e/package.json',
    '/assets',
  ])
    assert.equal((await get(path)).status, 401, path);
  assert.equal((await get('/', { host: 'evil.test' })).status, 403);
  server.follow({ kind: 'tcp', host: '127.0.0.1', port: 0, token: TOKEN, dashboard: false });
  assert.equal((await get('/')).status, 401, 'off');
  assert.equal((await get('/', { authorization: `Bearer ${TOKEN}` })).status, 404, 'off');
});

test('the socket is for this user alone, from its first moment, and goes with the server', async (t) => {
  const path = join(folder(t), 'admin.sock');
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const { server } = await start(t, { kind: 'socket', path });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(process.umask(0), 0, 'and the umask is as it was');
  await server.close();
  assert.equal(existsSync(path), false);
});

test('a socket that nobody listens on any more is replaced, anything else is left alone', async (t) => {
  const place = folder(t);
  const path = join(place, 'admin.sock');
  const crashed = createServer();
  crashed.listen(path);
  await once(crashed, 'listening');
  const busy = await startAdminServer({ kind: 'socket', path }, fakeOperations(), '1');
  assert.deepEqual(busy, {
    ok: false,
    code: 'EADDRINUSE',
    message: `cannot listen on ${path}: address already in use`,
  });

  const left = join(place, 'left.sock');
  const { execFileSync } = await import('node:child_process');
  const leave =
    'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  assert.throws(() => execFileSync(process.execPath, ['-e', leave, left], { stdio: 'ignore' }));
  assert.ok(existsSync(left));
  await start(t, { kind: 'socket', path: left });

  const file = join(place, 'file');
  writeFileSync(file, 'precious');
  const overFile = await startAdminServer({ kind: 'socket', path: file }, fakeOperations(), '1');
  assert.ok(!overFile.ok && overFile.code === 'EADDRINUSE');
  assert.ok(existsSync(file));
  const nowhere = await startAdminServer(
    { kind: 'socket', path: join(place, 'no', 'such') },
    fakeOperations(),
    '1',
  );
  assert.ok(
    !nowhere.ok && /^cannot listen on .*no\/such: /.test(nowhere.message),
    nowhere.ok ? '' : nowhere.message,
  );
  crashed.close();
});

test('an operation that throws is a 500 of one line', async (t) => {
  const { ask, operations } = await start(t);
  operations.state = () => {
    throw new Error('broken\n    at somewhere');
  };
  const told = await ask('GET', '/v1/state');
  assert.deepEqual([told.status, told.body], [500, { error: 'broken\\n    at somewhere' }]);
});

test('the OpenAPI document has every route, its parameters and its bodies', async (t) => {
  const { ask } = await start(t);
  const { body } = await ask('GET', '/v1/openapi.json');
  const { openapi, paths } = body as {
    openapi: string;
    paths: Record<string, Record<string, { parameters?: { name: string }[]; requestBody?: object }>>;
  };
  assert.equal(openapi, '3.1.0');
  const listed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(listed.sort(), [
    'DELETE /v1/pools/{pool}/backends/{backend}',
    'DELETE /v1/sessions/{id}',
    'GET /v1/events',
    'GET /v1/series',
    'GET /v1/sessions',
    'GET /v1/state',
    'POST /v1/listeners/{listener}/drain',
    'POST /v1/listeners/{listener}/ready',
    'POST /v1/log-level',
    'POST /v1/pools/{pool}/backends',
    'POST /v1/pools/{pool}/backends/{backend}/drain',
    'POST /v1/pools/{pool}/backends/{backend}/maintenance',
    'POST /v1/pools/{pool}/backends/{backend}/ready',
    'POST /v1/pools/{pool}/backends/{backend}/weight',
    'POST /v1/reload',
  ]);
  const weight = paths['/v1/pools/{pool}/backends/{backend}/weight']?.['post'];
  assert.deepEqual(
    weight?.parameters?.map(({ name }) => name),
    ['pool', 'backend'],
  );
  assert.match(
    JSON.stringify(weight?.requestBody),
    /"weight":\{"type":"integer","minimum":0,"maximum":65535/,
  );
  const sessions = paths['/v1/sessions']?.['get']?.parameters?.map(({ name }) => name);
  assert.deepEqual(sessions, ['limit', 'listener', 'pool', 'backend', 'client']);
});

test('events are streamed until the server ends, and those who leave are forgotten', async (t) => {
  const { server, operations } = await start(t);
  const watching = request({ socketPath: server.where, path: '/v1/events' });
  watching.end();
  const [stream] = (await once(watching, 'response')) as [import('node:http').IncomingMessage];
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  await once(stream, 'data');
  operations.tell({ time: 1, level: 'warn', event: 'backend-down', message: 'x is down', fields: {} });
  const [piece] = (await once(stream, 'data')) as [Buffer];
  assert.equal(
    piece.toString(),
    'id: 1\nevent: backend-down\ndata: {"time":1,"level":"warn","event":"backend-down","message":"x is down","fields":{}}\n\n',
  );
  stream.on('error', () => undefined);
  const closed = once(stream, 'close');
  await server.close();
  await closed;
  assert.equal(operations.listeners(), 0);
});
