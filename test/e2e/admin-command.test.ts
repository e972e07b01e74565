// The command line with an admin interface: `ctl` against a running process, and reloads that move where it is.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stateSchema } from '#src/admin/schemas.js';
import { until } from '../helpers/deadline.ts';
import { at, CLI, scenario, type Case } from '../helpers/balancer.ts';
import { freePort } from '../helpers/machine.ts';
import { connect, echo } from '../helpers/tcp-script.ts';

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { timeout: 20_000 }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

function ctl(socket: string, ...verb: string[]): Promise<Said> {
  return run('ctl', '--socket', socket, ...verb);
}

function folderOf(lab: Case): string {
  const folder = mkdtempSync(join(tmpdir(), 'admin-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const GOOD: Said = { code: 0, out: '', err: '' };

test('ctl tells and does, and what it did outlives a reload', () =>
  scenario(async (lab) => {
    const socket = join(folderOf(lab), 'admin.sock');
    const [a, b] = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
    const settings = { backends: [at(a), at(b)], admin: { socket } };
    const lb = await lab.start(settings);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const status = await ctl(socket, 'status');
    assert.equal(status.code, 0);
    for (const word of [a.key, b.key, 'serving']) assert.ok(status.out.includes(word), status.out);

    assert.deepEqual(await ctl(socket, 'drain', a.key), GOOD);
    lb.write({ ...settings, retries: 1 });
    assert.deepEqual((await ctl(socket, 'reload')).code, 0);
    await lb.untilLogged(new RegExp(`backend ${a.key}: hold drain: set at run time, kept`));
    const opened = async (): Promise<number | undefined> => {
      const state = stateSchema.parse(JSON.parse((await ctl(socket, '--json', 'status')).out));
      return state.pools[0]?.backends.find(({ backend }) => backend === a.key)?.sessions_opened;
    };
    const before = await opened();
    for (let n = 0; n < 4; n += 1) {
      const client = await connect(lb.port);
      await client.send('on');
      await client.expect('on');
      client.close();
    }
    assert.equal(await opened(), before);

    const unknown = await ctl(socket, 'drain', '127.0.0.1:1');
    assert.deepEqual([unknown.code, unknown.err], [1, 'no pool has a backend 127.0.0.1:1\n']);
    assert.deepEqual(
      (await ctl(socket, 'add', `127.0.0.1:${lb.port}`)).err,
      "this backend is the listener 'default' itself\n",
    );
    assert.equal((await ctl(socket, 'weight', a.key, 'much')).code, 2);
    assert.match((await ctl(socket, 'add', 'nowhere')).err, /HOST:PORT is wanted/);
  }));

test('what ctl is refused is no refused reload', () =>
  scenario(async (lab) => {
    const socket = join(folderOf(lab), 'admin.sock');
    const a = await lab.backend();
    const lb = await lab.start({ backends: [at(a)], admin: { socket }, drain: { timeout: 20 } });
    const client = await lb.connect();
    await client.send('open');
    await (await a.accept()).expect('open');
    // While it drains nothing can be changed; its metrics and its socket are there until the last session has ended.
    lb.signal('SIGTERM');
    await lb.untilLogged(/draining/);
    const refused = await ctl(socket, 'add', '127.0.0.1:1');
    assert.deepEqual([refused.code, refused.err], [1, 'it is not serving\n']);
    await lb.untilLogged(/the change is refused/);
    assert.equal(await lb.metric('ultrabalancer_l4_reload_failures_total'), 0);
    const reload = await ctl(socket, 'reload');
    assert.equal(reload.code, 1);
    assert.equal(await lb.metric('ultrabalancer_l4_reload_failures_total'), 1);
    client.close();
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
  }));

test('maintenance ends open sessions', () =>
  scenario(async (lab) => {
    const socket = join(folderOf(lab), 'admin.sock');
    const a = (await lab.backend()).serve(echo);
    const lb = await lab.start({
      backends: [at(a), at(await lab.backend(), { weight: 0 })],
      admin: { socket },
    });
    const client = await lb.connect();
    await client.send('on');
    await client.expect('on');
    assert.deepEqual(await ctl(socket, 'maintenance', a.key), GOOD);
    await client.ends();
  }));

test('a reload moves it, whoever asked for that gets the answer, and the old place is gone', () =>
  scenario(async (lab) => {
    const folder = folderOf(lab);
    const [first, second] = [join(folder, 'a.sock'), join(folder, 'b.sock')];
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'a-token-of-some-length\n');
    const backends = [at((await lab.backend()).serve(echo))];
    const lb = await lab.start({ backends, admin: { socket: first } });
    const port = await freePort();
    lb.write({ backends, admin: { socket: second, port, token_file: tokenFile } });
    assert.match((await ctl(first, 'reload')).out, /^generation \d+\n$/);
    await until(() => !existsSync(first), 'the old socket is gone');
    assert.equal((await ctl(second, 'backends')).code, 0);
    const overTcp = (...more: string[]): Promise<Said> =>
      run('ctl', '--tcp', `127.0.0.1:${port}`, ...more, 'backends');
    assert.equal((await overTcp('--token-file', tokenFile)).code, 0);
    const other = join(folder, 'other');
    writeFileSync(other, 'another-token-of-that-length\n');
    assert.deepEqual(await overTcp('--token-file', other), { code: 1, out: '', err: 'not the token\n' });

    lb.write({ backends, admin: { socket: join(folder, 'no', 'such.sock') } });
    const refused = await ctl(second, 'reload');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /admin interface cannot be opened.*no\/such\.sock/);
    assert.equal((await ctl(second, 'backends')).code, 0);

    lb.write({ backends });
    assert.equal(await lb.reload(), 'taken');
    await until(() => !existsSync(second), 'it is off');
    assert.equal((await ctl(second, 'backends')).code, 1);
  }));

test('a start without the place that is asked for is none: exit code 1 and one line', () =>
  scenario(async (lab) => {
    const folder = folderOf(lab);
    const file = join(folder, 'config.yaml');
    const [listen, port] = [await freePort(), await freePort()];
    const socket = join(folder, 'no', 'such.sock');
    writeFileSync(
      file,
      JSON.stringify({
        listen: `127.0.0.1:${listen}`,
        backends: [{ host: '127.0.0.1', port }],
        log: { format: 'text' },
        admin: { socket },
      }),
    );
    const { code, err } = await run('--config', file);
    assert.equal(code, 1);
    const told = err.split('\n').filter((line) => line.includes(socket));
    assert.equal(told.length, 1, err);
    assert.match(told[0] ?? '', /the admin interface cannot be opened/);
  }));
