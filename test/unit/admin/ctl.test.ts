// ctl against a real admin server whose balancer only remembers: verbs, answers, exit codes, and where to look for it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Command, CommanderError } from 'commander';
import { createAdminClient } from '#src/admin/client.js';
import { addCtl } from '#src/admin/command.js';
import { parsePlace } from '#src/admin/where.js';
import { createCtl, type Ctl } from '#src/admin/ctl.js';
import { startAdminServer } from '#src/admin/server.js';
import { until } from '../health/fake-time.ts';
import { type FakeOperations, fakeOperations, folder } from './fake-operations.ts';

interface Running {
  readonly ctl: Ctl;
  readonly operations: FakeOperations;
  readonly path: string;
  out(): string;
  err(): string;
}

async function start(t: TestContext, json: boolean = false): Promise<Running> {
  const path = join(folder(t), 'admin.sock');
  const operations = fakeOperations();
  const started = await startAdminServer({ kind: 'socket', path }, operations, '1');
  assert.ok(started.ok);
  t.after(() => started.server.close());
  let out = '';
  let err = '';
  const client = createAdminClient({ kind: 'socket', path });
  const ctl = createCtl({ client, json, out: (text) => (out += text), err: (text) => (err += text) });
  return { ctl, operations, path, out: () => out, err: () => err };
}

test('verbs say nothing when they are done', async (t) => {
  const { ctl, operations, out, err } = await start(t);
  const codes = [
    await ctl.weight('[::1]:9002', 5),
    await ctl.drain('[::1]:9002'),
    await ctl.maintenance('127.0.0.1:9001', 'db'),
    await ctl.ready('[::1]:9002'),
    await ctl.remove('[::1]:9002'),
    await ctl.add('10.0.0.1', 80, 'app', { backup: true, maxConnections: 3 }),
    await ctl.kill('0-5'),
    await ctl.logLevel('debug'),
  ];
  assert.deepEqual(
    codes,
    codes.map(() => 0),
  );
  assert.deepEqual(operations.done, [
    ['weight', 'app', '[::1]:9002', 5],
    ['drain', 'app', '[::1]:9002'],
    ['maintenance', 'db', '127.0.0.1:9001'],
    ['ready', 'app', '[::1]:9002'],
    ['remove', 'app', '[::1]:9002'],
    ['add', 'app', { host: '10.0.0.1', port: 80, weight: 1, max_connections: 3, backup: true }],
    ['kill', '0-5'],
    ['log-level', 'debug'],
  ]);
  assert.deepEqual([out(), err()], ['', '']);
});

test('a backend of several pools, or of none, is asked about', async (t) => {
  const { ctl, operations, err } = await start(t);
  assert.equal(await ctl.drain('127.0.0.1:9001'), 1);
  assert.equal(await ctl.drain('127.0.0.1:9999'), 1);
  assert.equal(
    err(),
    '127.0.0.1:9001 is in several pools (app, db): say which with --pool\nno pool has a backend 127.0.0.1:9999\n',
  );
  assert.deepEqual(operations.done, []);
});

test('a refusal is its message on stderr and code 1', async (t) => {
  const { ctl, operations, out, err } = await start(t);
  operations.answer = { ok: false, kind: 'refused', message: 'bad.yaml:3:1: no\n\u001b[31mline two' };
  assert.equal(await ctl.reload(), 1);
  assert.deepEqual([out(), err()], ['', 'bad.yaml:3:1: no\n\\x1b[31mline two\n']);
});

test('tables for people, JSON for programs', async (t) => {
  const people = await start(t);
  assert.equal(await people.ctl.status(), 0);
  assert.match(people.out(), /^LISTENER .*\nweb .*\n\nPOOL .*\napp .*\napp .*\ndb .*\n$/m);
  const programs = await start(t, true);
  assert.equal(await programs.ctl.backends(), 0);
  assert.deepEqual(JSON.parse(programs.out()), JSON.parse(JSON.stringify(programs.operations.state())));
  assert.equal(await people.ctl.sessions({ backend: '[::1]:9002', limit: 5 }), 0);
  assert.deepEqual(people.operations.done.at(-1), ['sessions', { backend: '[::1]:9002' }, 5]);
  assert.equal(await people.ctl.reload(), 0);
  assert.match(people.out(), /\ngeneration 8\n$/);
});

test('events are told as they happen, until it is interrupted', async (t) => {
  const { ctl, operations, out } = await start(t);
  const controller = new AbortController();
  const watching = ctl.events(controller.signal);
  let time = 0;
  await until(() => {
    operations.tell({
      time: (time += 1000),
      level: 'warn',
      event: 'backend-down',
      message: 'x\nis down',
      fields: {},
    });
    return out() !== '';
  }, 'an event is told');
  assert.match(out(), /^1970-01-01T00:00:\d\d\.000Z warn {2}x\\nis down\n/);
  controller.abort();
  assert.equal(await watching, 0);
});

test('nobody there, or somebody else: a line and code 1', async (t) => {
  const errors: string[] = [];
  const ctlAt = (path: string): Ctl =>
    createCtl({
      client: createAdminClient({ kind: 'socket', path }),
      json: false,
      out: () => undefined,
      err: (text) => errors.push(text),
    });
  const place = folder(t);
  assert.equal(await ctlAt(join(place, 'none')).status(), 1);
  assert.equal(errors[0], `cannot connect to ${join(place, 'none')}: no such file or directory\n`);
  const other = createServer((_request, response) => response.end('<html>'));
  other.listen(join(place, 'other'));
  await once(other, 'listening');
  t.after(() => other.close());
  assert.equal(await ctlAt(join(place, 'other')).status(), 1);
  assert.equal(errors[1], 'the answer is not JSON\n');
});

async function commandLine(...words: string[]): Promise<number | 'usage'> {
  let code: number | 'usage' = 'usage';
  const cli = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  addCtl(cli, (result) => (code = result));
  try {
    await cli.parseAsync(['ctl', ...words], { from: 'user' });
  } catch (error) {
    assert.ok(error instanceof CommanderError);
  }
  return code;
}

test('the command line: options before the verb, and what is wrong with it', async (t) => {
  const { path, operations } = await start(t);
  assert.equal(await commandLine('--socket', path, 'weight', '[::1]:9002', '7'), 0);
  assert.equal(await commandLine('--socket', path, 'drain', '127.0.0.1:9001', '--pool', 'db'), 0);
  assert.equal(await commandLine('--socket', path, 'add', '[::1]:81', '--weight', '3'), 0);
  const told = ['--timeout', '1.5m', '--rate', 'even', '--order', 'oldest', '--idle', '250ms'];
  assert.equal(await commandLine('--socket', path, 'drain', '--listener', 'web', ...told), 0);
  assert.equal(await commandLine('--socket', path, 'drain', '[::1]:9002', '--rate', '50'), 0);
  assert.equal(await commandLine('--socket', path, 'ready', '--listener', 'web'), 0);
  assert.deepEqual(operations.done, [
    ['weight', 'app', '[::1]:9002', 7],
    ['drain', 'db', '127.0.0.1:9001'],
    ['add', 'default', { host: '::1', port: 81, weight: 3, max_connections: 0, backup: false }],
    ['drain-listener', 'web', { timeout: 90, rate: 'even', order: 'oldest', idle: 0.25 }],
    ['drain', 'app', '[::1]:9002', { timeout: 0, rate: 50, order: 'idle', idle: 1 }],
    ['ready-listener', 'web'],
  ]);
  for (const words of [
    [],
    ['nonsense'],
    ['weight', 'x'],
    ['weight', 'x', 'heavy'],
    ['drain'],
    ['drain', 'x', '--listener', 'web'],
    ['drain', 'x', '--timeout', 'soon'],
    ['drain', 'x', '--order', 'best'],
    ['ready'],
    ['add', 'no-port'],
  ]) {
    assert.equal(await commandLine('--socket', path, ...words), 'usage', words.join(' '));
  }
  assert.deepEqual(parsePlace('[::1]:80'), { host: '::1', port: 80 });
});

test('over TCP: with the token from its file, and not without', async (t) => {
  const token = join(folder(t), 'token');
  writeFileSync(token, 'a-token-of-some-length\n');
  const operations = fakeOperations();
  const place = {
    kind: 'tcp',
    host: '127.0.0.1',
    port: 0,
    token: 'a-token-of-some-length',
    dashboard: false,
  } as const;
  const started = await startAdminServer(place, operations, '1');
  assert.ok(started.ok);
  t.after(() => started.server.close());
  assert.equal(await commandLine('--tcp', started.server.where, '--token-file', token, 'kill', '0-1'), 0);
  assert.deepEqual(operations.done, [['kill', '0-1']]);
});
