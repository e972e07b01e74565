// Programs as probes: what they are told, what their end means, and that none outlives its time.

import assert from 'node:assert/strict';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { createAwake } from '#src/health/awake.js';
import type { Verdict } from '#src/health/health.js';
import { createCommandProbe } from '#src/health/probe-command.js';
import { systemTime } from '#src/health/time.js';
import { until } from './fake-time.ts';
import { openDescriptors } from './peers.ts';

const awake = createAwake(systemTime);
const target = { host: 'db.example', address: '192.0.2.7', port: 5432 };

function run(command: readonly string[], timeout: number = 5000, signal?: AbortSignal): Promise<Verdict> {
  return createCommandProbe({ timeout, command, awake })(target, signal ?? new AbortController().signal);
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'probe-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function isAlive(pid: number): boolean {
  try {
    // A zombie that waits for its parent is not alive either.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the command probe', () => {
  it('goes by the exit code', async () => {
    assert.deepEqual(await run(['true']), { outcome: 'pass', code: 'PROCOK', detail: '' });
    assert.deepEqual(await run(['sh', '-c', 'exit 3']), {
      outcome: 'fail',
      code: 'PROCERR',
      detail: 'exit code 3',
    });
    assert.deepEqual(await run(['sh', '-c', 'kill -TERM $$']), {
      outcome: 'fail',
      code: 'PROCERR',
      detail: 'killed by SIGTERM',
    });
  });

  it('tells the program which backend is meant, and runs no shell', async (t) => {
    const file = join(folder(t), 'told');
    const script = 'printf "%s " "$BACKEND_HOST" "$BACKEND_ADDRESS" "$BACKEND_PORT" "$0" >"$1"';
    assert.equal((await run(['sh', '-c', script, '$(id); *', file])).outcome, 'pass');
    assert.equal(readFileSync(file, 'utf8'), 'db.example 192.0.2.7 5432 $(id); * ');
  });

  it('fails for a program that is not there or may not be run', async (t) => {
    assert.deepEqual(await run(['/no/such/program']), {
      outcome: 'fail',
      code: 'PROCERR',
      detail: '/no/such/program: no such program',
    });
    assert.match((await run([folder(t)])).detail, /EACCES/);
    assert.equal((await run(['true', 'nul\0byte'])).code, 'PROCERR');
  });

  it('kills the program and what it started when the time is over', async (t) => {
    const file = join(folder(t), 'pids');
    const script = `sleep 60 & echo $$ $! >"$0.new" && mv "$0.new" "$0"; wait`;
    const verdict = await run(['sh', '-c', script, file], 700);
    assert.deepEqual(verdict, { outcome: 'fail', code: 'PROCTOUT', detail: 'no exit in time' });
    const pids = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    assert.equal(pids.length, 2);
    await until(() => !pids.some(isAlive), `of ${pids.join(' and ')} one lives on`);
  });

  it('kills it when the probe is given up', async (t) => {
    const file = join(folder(t), 'pid');
    const ending = new AbortController();
    const script = 'echo $$ >"$0.new" && mv "$0.new" "$0"; exec sleep 60';
    const verdict = run(['sh', '-c', script, file], 60_000, ending.signal);
    await until(() => existsSync(file), 'it does not start', 5000);
    ending.abort();
    assert.equal((await verdict).outcome, 'inconclusive');
    const pid = Number(readFileSync(file, 'utf8'));
    await until(() => !isAlive(pid), `${pid} lives on`);
    assert.equal((await run(['true'], 1000, ending.signal)).outcome, 'inconclusive');
  });

  it('is not held up by a program that prints a lot', async () => {
    assert.equal(
      (await run(['sh', '-c', 'head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2'])).outcome,
      'pass',
    );
  });

  it('leaves no descriptors', async () => {
    await run(['true']);
    const before = openDescriptors();
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => run([['true', 'false', '/no/such'][n % 3] ?? ''])),
    );
    await until(() => openDescriptors() <= before, 'descriptors stay');
  });
});
