// Where the admin interface is, over configs that come and go: opened first, closed after, untouched where both want it.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createAdminClient } from '#src/admin/client.js';
import { type AdminKeeper, createAdminKeeper } from '#src/admin/keeper.js';
import type { AdminSettings } from '#src/config/config.js';
import { until } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine.ts';
import { fakeOperations, folder } from './fake-operations.ts';

const OFF: AdminSettings = { socket: '', host: '127.0.0.1', port: 0, token_file: '', dashboard: true };

interface World {
  readonly keeper: AdminKeeper;
  readonly told: string[];
  readonly folder: string;
  socket(name: string): AdminSettings;
  /** Opens and keeps. */
  take(settings: AdminSettings): Promise<void>;
  answers(settings: AdminSettings): Promise<boolean>;
  /** Statuses of a question asked with each token. */
  statuses(port: number, ...tokens: string[]): Promise<number[]>;
}

function world(t: TestContext): World {
  const told: string[] = [];
  const keeper = createAdminKeeper({
    operations: fakeOperations(),
    version: '1.2.3',
    tell: (message) => told.push(message),
  });
  t.after(() => keeper.close());
  const where = folder(t);
  return {
    keeper,
    told,
    folder: where,
    socket: (name) => ({ ...OFF, socket: join(where, name) }),
    take: async (settings) => (await keeper.open(settings)).keep(),
    answers: async ({ socket: path }) =>
      (await createAdminClient({ kind: 'socket', path }).get('/v1/state')).ok,
    async statuses(port, ...tokens) {
      const asked = tokens.map((token) =>
        createAdminClient({ kind: 'tcp', host: '127.0.0.1', port, token }).get('/v1/state'),
      );
      return (await Promise.all(asked)).map(({ status }) => status);
    },
  };
}

test('nothing is open where nothing is asked for', async (t) => {
  const { take, told } = world(t);
  await take(OFF);
  assert.deepEqual(told, []);
});

test('a new place is open before the old one is closed, and closed again when it is not kept', async (t) => {
  const { keeper, socket, take, answers } = world(t);
  const [a, b] = [socket('a'), socket('b')];
  await take(a);
  const refused = await keeper.open(b);
  assert.deepEqual([await answers(a), await answers(b)], [true, true]);
  await refused.discard();
  assert.deepEqual([await answers(a), await answers(b), existsSync(b.socket)], [true, false, false]);
  await take(b);
  assert.deepEqual([await answers(a), await answers(b), existsSync(a.socket)], [false, true, false]);
  await take(OFF);
  assert.equal(await answers(b), false);
});

test('what both want stays as it is, and discarding a config does not close it', async (t) => {
  const { keeper, socket, take, answers, told } = world(t);
  const a = socket('a');
  await take(a);
  await take(a);
  assert.deepEqual(told, [`the admin interface is open: ${a.socket}`]);
  await (await keeper.open(a)).discard();
  assert.equal(await answers(a), true);
});

test('a place that cannot be had is refused and leaves everything as it was', async (t) => {
  const { keeper, socket, take, answers, folder: where } = world(t);
  const a = socket('a');
  await take(a);
  await assert.rejects(keeper.open(socket('no/such/folder')), /cannot be opened: .*no\/such\/folder/);
  const short = join(where, 'short');
  writeFileSync(short, 'guess\n');
  await assert.rejects(
    keeper.open({ ...socket('b'), port: await freePort(), token_file: short }),
    /a token has 16 to 512 characters/,
  );
  assert.deepEqual([await answers(a), existsSync(join(where, 'b'))], [true, false]);
});

test('of two places both are had or none', async (t) => {
  const { keeper, socket, take, answers, folder: where } = world(t);
  const token = join(where, 'token');
  writeFileSync(token, 'a-token-of-some-length\n');
  const port = await freePort();
  await take({ ...OFF, port, token_file: token });
  const other = world(t);
  await assert.rejects(other.keeper.open({ ...socket('b'), port, token_file: token }), /in use/);
  assert.equal(await answers(socket('b')), false);
  await (await keeper.open(socket('b'))).discard();
});

test('another token in the file counts once the config is kept, on the same port', async (t) => {
  const { keeper, take, statuses, folder: where } = world(t);
  const [first, second] = ['the-first-of-two-tokens', 'the-second-of-two-tokens'];
  const settings = { ...OFF, port: await freePort(), token_file: join(where, 'token') };
  writeFileSync(settings.token_file, `${first}\n`);
  await take(settings);
  assert.deepEqual(await statuses(settings.port, first, second), [200, 401]);
  writeFileSync(settings.token_file, `${second}\n`);
  const opened = await keeper.open(settings);
  assert.deepEqual(await statuses(settings.port, first, second), [200, 401]);
  opened.keep();
  await until(
    async () => (await statuses(settings.port, first, second)).join() === '401,200',
    'the new token counts',
  );
});
