// What the access log does where it cannot write, is not let to, or is asked for only a part: sessions go on, and what is
// lost is counted.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

import { folder, linesOf, records, recordsOf } from '../helpers/access-log.ts';
import { at, CLI, type Running } from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { freezeMainThread } from '../helpers/freeze.ts';
import { freePort } from '../helpers/machine.ts';
import { connect, echo } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const WRITTEN = 'ultrabalancer_l4_access_log_records_total';
const DROPPED = 'ultrabalancer_l4_access_log_records_dropped_total';
/** More than wait for a place that takes nothing: a JSON line has 500 bytes or so, and 1 MiB of them may. */
const MANY = 5000;

/** That many sessions, from one end to the other. */
async function sessions(lb: Running, count: number): Promise<void> {
  const one = async (): Promise<void> => {
    const client = await connect(lb.port);
    client.fin();
    await client.ends();
    client.close();
  };
  for (let done = 0; done < count; done += 50)
    await Promise.all(Array.from({ length: Math.min(50, count - done) }, one));
}

async function served(lb: Running): Promise<void> {
  const client = await lb.connect();
  await client.send('still there');
  await client.expect('still there');
  client.close();
}

async function allCounted(lb: Running, count: number): Promise<void> {
  await until(
    async () => {
      const page = await lb.metrics();
      return page.get(WRITTEN) + page.get(DROPPED) >= count;
    },
    `${count} records are written or dropped`,
    20_000,
  );
}

inOneMode('a share of sessions is about that share', async (lab) => {
  const file = join(folder(lab), 'access.log');
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], log: { access: { file, sample: 20 } } });
  await sessions(lb, 400);
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 400);
  // 80 are expected, with a deviation of 8: beyond these bounds is no chance.
  await until(() => recordsOf(file).length >= 30, 'some are recorded');
  assert.ok(recordsOf(file).length <= 130, `${recordsOf(file).length} of 400`);
});

inOneMode('errors_only records those alone', async (lab) => {
  const file = join(folder(lab), 'access.log');
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], log: { access: { file, errors_only: true } } });
  for (const end of ['fin', 'rst'] as const) {
    const client = await lb.connect();
    await client.send('?');
    const peer = await backend.accept();
    await peer.expect('?');
    if (end === 'fin') client.fin();
    peer[end]();
    assert.equal(await client.ends(), end);
  }
  const [record] = await records(file);
  assert.equal(record?.reason, 'backend_reset');
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 2);
  assert.equal(recordsOf(file).length, 1);
});

inOneMode('SIGUSR1: the file that was moved away is let go, and no record is lost', async (lab) => {
  const place = folder(lab);
  const file = join(place, 'access.log');
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], log: { access: { file } } });
  await sessions(lb, 20);
  await records(file, 20);
  renameSync(file, `${file}.1`);
  lb.signal('SIGUSR1');
  await lb.untilLogged(/the access log was opened again/);
  await sessions(lb, 10);
  await records(file, 10);
  assert.equal(linesOf(`${file}.1`).length, 20);
  assert.equal(linesOf(file).length, 10);
});

inOneMode('a reload moves it, switches it off and on, and refuses what cannot be opened', async (lab) => {
  const place = folder(lab);
  const backend = (await lab.backend()).serve(echo);
  const config = (access: object) => ({ backends: [at(backend)], log: { access } });
  const lb = await lab.start(config({}));
  await sessions(lb, 3);
  const [first, second] = [join(place, 'first'), join(place, 'second')];
  for (const [file, format] of [
    [first, 'json'],
    [second, 'text'],
  ] as const) {
    lb.write(config({ file, format }));
    assert.equal(await lb.reload(), 'taken');
    await sessions(lb, 5);
    await until(() => linesOf(file).length === 5, `five lines in ${file}`);
  }
  mkdirSync(join(place, 'a directory'));
  lb.write(config({ file: join(place, 'a directory') }));
  assert.equal(await lb.reload(), 'refused');
  await lb.untilLogged(/the access log cannot be opened: .*it is a directory/);
  await sessions(lb, 1);
  await until(() => linesOf(second).length === 6, 'the old file goes on');
  lb.write(config({}));
  assert.equal(await lb.reload(), 'taken');
  await sessions(lb, 4);
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', 18);
  assert.equal(await lb.metric(WRITTEN), 11);
  assert.deepEqual([linesOf(first).length, linesOf(second).length], [5, 6]);
});

inOneMode('a start with a file that cannot be opened is refused', async (lab) => {
  const file = join(folder(lab), 'config.yaml');
  const config = {
    listen: `127.0.0.1:${await freePort()}`,
    backends: [at(9)],
    log: { access: { file: '/no/such/directory/access.log' } },
  };
  writeFileSync(file, JSON.stringify(config));
  const { code, text } = await new Promise<{ code: number | null; text: string }>((done) => {
    const child = execFile(process.execPath, [CLI, '--config', file], (_error, _out, text) =>
      done({ code: child.exitCode, text }),
    );
  });
  assert.equal(code, 1);
  assert.match(text, /the access log cannot be opened: cannot open \/no\/such\/directory\/access\.log/);
});

inOneMode('stdout has records and nothing else', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], log: { access: { file: '-' } } });
  let out = '';
  lb.child.stdout?.on('data', (text: string) => (out += text));
  await sessions(lb, 5);
  await until(() => out.split('\n').length === 6, 'five lines on stdout');
  for (const line of out.trim().split('\n')) assert.equal((JSON.parse(line) as { code: string }).code, '--');
});

for (const place of ['a full disk', 'a pipe that nobody reads'] as const) {
  inOneMode(`${place}: records are dropped and counted, sessions go on`, async (lab) => {
    const file = place === 'a full disk' ? '/dev/full' : join(folder(lab), 'pipe');
    if (file !== '/dev/full') {
      execFileSync('mkfifo', [file]);
      const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
      lab.atEnd(() => closeSync(reader));
    }
    const backend = (await lab.backend()).serve(echo);
    const lb = await lab.start({ backends: [at(backend)], log: { access: { file } } });
    await sessions(lb, MANY);
    await until(
      async () => (await lb.metric(DROPPED, { cause: 'writer_full' })) > 0,
      'some are dropped',
      20_000,
    );
    assert.ok((await lb.metric(WRITTEN)) < MANY);
    await served(lb);
  });
}

inOneMode('a pipe that is read again says where records are missing', async (lab) => {
  const file = join(folder(lab), 'pipe');
  execFileSync('mkfifo', [file]);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  lab.atEnd(() => closeSync(reader));
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], log: { access: { file } } });
  await sessions(lb, MANY);
  await until(async () => (await lb.metric(DROPPED)) > 0, 'some are dropped', 20_000);
  let text = '';
  await until(
    async () => {
      text += readNow(reader);
      return text.includes('"dropped"') && (await lb.metric(WRITTEN)) + (await lb.metric(DROPPED)) === MANY;
    },
    'all are written or dropped, and the gap is told',
    30_000,
  );
  text += readNow(reader);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { dropped?: number });
  const told = lines.reduce((sum, { dropped = 0 }) => sum + dropped, 0);
  assert.equal(told, await lb.metric(DROPPED));
  assert.equal(lines.filter(({ dropped }) => dropped === undefined).length, await lb.metric(WRITTEN));
});

/** All that a pipe has at this moment. */
function readNow(descriptor: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      text += chunk.toString('latin1', 0, readSync(descriptor, chunk));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text;
      throw error;
    }
  }
}

inOneMode('a control plane that stands still loses records, not sessions', async (lab) => {
  const file = join(folder(lab), 'access.log');
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], workers: 1, log: { access: { file } } });
  const frozen = await freezeMainThread(lb.pid);
  if ('forbidden' in frozen) {
    console.log(`skipped: a thread cannot be frozen here: ${frozen.forbidden}`);
    return;
  }
  try {
    await sessions(lb, MANY);
    await served(lb);
  } finally {
    await frozen.thaw();
  }
  await lb.untilMetric('ultrabalancer_l4_sessions_closed_total', MANY + 1);
  await allCounted(lb, MANY + 1);
  const page = await lb.metrics();
  assert.ok(page.get(DROPPED, { cause: 'ring_full' }) > 0);
  assert.equal(page.get(WRITTEN) + page.get(DROPPED), MANY + 1);
  await until(() => linesOf(file).length >= page.get(WRITTEN), 'the file has what was written');
});

inOneMode('the questions in docs/access-log.md have answers', async (lab) => {
  const place = folder(lab);
  const file = join(place, 'access.log');
  const backend = (await lab.backend()).serve(echo);
  const config = { backends: [at(1), at(backend)], retries: 1, log: { access: { file } } };
  const lb = await lab.start(config);
  await sessions(lb, 4);
  await records(file, 4);
  const page = readFileSync(join(ROOT, 'docs', 'access-log.md'), 'utf8');
  const commands = [...page.matchAll(/^\$ (jq .*)$/gm)].map(([, command = '']) => command);
  assert.equal(commands.length, 5);
  const answers = commands.map((command) =>
    execFileSync('bash', ['-o', 'pipefail', '-c', command], { cwd: place, encoding: 'utf8' }),
  );
  assert.match(answers[0] ?? '', /^\s*4 --\n$/);
  assert.equal(answers[1], '');
  assert.match(answers[2] ?? '', new RegExp(`^(${backend.key}\trefused\t2\n)+$`));
  assert.match(answers[3] ?? '', /"sessions":\s*4/);
});
