// From start to end: what stops a start, how an orderly end lets sessions finish, and what a second signal does.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { at, CLI, pair, session, type Settings } from '../helpers/balancer.ts';
import { quiet, until, within } from '../helpers/deadline.ts';
import { freePort, listensOn } from '../helpers/machine.ts';
import { payload } from '../helpers/payload.ts';
import { connect, echo } from '../helpers/tcp-script.ts';
import { inBothModes, inOneMode } from './modes.ts';

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly text: string;
}

/** Runs a config for as long as it runs. */
async function attempt(
  t: TestContext,
  settings: Settings,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'ub-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify(settings), { mode: 0o644 });
  const args = [CLI, '--config', file];
  const run = new Promise<Outcome>((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { env: { ...process.env, ...env } },
      (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, signal: child.signalCode, text: stdout + stderr }),
    );
  });
  return within(run, 'it leaves', 20_000);
}

const END = { code: 0, signal: null };

inBothModes('SIGTERM: nobody new, what is open finishes, and then exit 0', async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice });
  lb.signal('SIGTERM');
  await until(() => !listensOn(lb.port), 'it listens no more');
  await client.send('last words');
  await peer.expect('last words');
  await peer.send(payload(1).at(0, 200_000));
  peer.fin();
  assert.deepEqual(await client.take(200_000), payload(1).at(0, 200_000));
  await client.expectFin();
  client.fin();
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inBothModes('bytes that wait for a slow client at the end all arrive', async (lab, splice) => {
  const { client, peer, lb } = await pair(lab, { splice, drain: { timeout: 20 } });
  client.pause();
  const sent = await peer.flood(payload(2), 24 << 20);
  peer.fin();
  client.fin();
  lb.signal('SIGTERM');
  await until(() => !listensOn(lb.port), 'it listens no more');
  client.verify(payload(2));
  await client.expectFin();
  assert.equal(client.received(), sent);
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

for (const name of ['SIGTERM', 'SIGINT'] as const) {
  inOneMode(`a second ${name} hurries: sessions end, exit 0`, async (lab) => {
    const { client, peer, lb } = await pair(lab, { drain: { timeout: 60 } });
    lb.signal(name);
    await until(() => !listensOn(lb.port), 'it listens no more');
    assert.equal(client.end(), undefined);
    lb.signal(name);
    assert.deepEqual(await within(lb.exited, 'it leaves'), END);
    assert.match(await client.ends(), /^(fin|rst)$/);
    assert.match(await peer.ends(), /^(fin|rst)$/);
  });
}

inOneMode('drain.timeout: whoever has not finished by then is ended, exit 0', async (lab) => {
  const { client, peer, lb } = await pair(lab, { drain: { timeout: 0.5 } });
  const since = performance.now();
  lb.signal('SIGTERM');
  assert.match(await client.ends(), /^(fin|rst)$/);
  assert.match(await peer.ends(), /^(fin|rst)$/);
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
  assert.ok(performance.now() - since > 450);
});

inOneMode('clients in the accept queue at SIGTERM are served, not reset', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)] });
  lb.signal('SIGSTOP');
  const clients = await Promise.all(Array.from({ length: 30 }, () => lb.connect()));
  for (const client of clients) client.socket.write('queued');
  lb.signal('SIGTERM');
  lb.signal('SIGCONT');
  for (const client of clients) {
    await client.expect('queued');
    client.fin();
    await client.expectFin();
  }
  assert.deepEqual(await within(lb.exited, 'it leaves'), END);
});

inOneMode('SIGUSR1 opens no debugger and harms nobody', async (lab) => {
  const { client, peer, lb } = await pair(lab);
  for (let i = 0; i < 5; i += 1) lb.signal('SIGUSR1');
  await client.send('fine');
  await peer.expect('fine');
  await lb.metrics();
  assert.ok(!/Debugger|inspector/i.test(lb.log()));
});

inOneMode('twenty reloads asked for at once: it serves, and none is refused', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  for (let i = 0; i < 20; i += 1) lb.signal('SIGHUP');
  await session(lb, backend);
  await lb.untilMetric('ultrabalancer_l4_reload_failures_total', 0);
});

test(
  'SIGTERM at any moment of the start: it is gone, by its own code or before it had one',
  { timeout: 60_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ub-early-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'config.yaml');
    writeFileSync(
      file,
      JSON.stringify({ listen: `127.0.0.1:${await freePort()}`, backends: [{ host: '127.0.0.1', port: 9 }] }),
    );
    for (let wait = 0; wait < 700; wait += 70) {
      const child = spawn(process.execPath, [CLI, '--config', file], { stdio: 'ignore' });
      await quiet(wait);
      child.kill('SIGTERM');
      const [code, signal] = (await within(once(child, 'exit'), `it leaves, asked after ${wait} ms`)) as [
        number | null,
        string | null,
      ];
      assert.ok(code === 0 || signal === 'SIGTERM', `asked after ${wait} ms: ${code} ${signal}`);
    }
  },
);

test(
  'a port in use, one of two ports, the metrics port: exit 1, said so, and nothing is left listening',
  { timeout: 60_000 },
  async (t) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    t.after(() => squatter.close());
    const taken = (squatter.address() as { port: number }).port;
    const free = await freePort();
    const backends = [{ host: '127.0.0.1', port: 9 }];
    for (const settings of [
      { listen: `127.0.0.1:${taken}`, backends },
      { listen: [`127.0.0.1:${free}`, `127.0.0.1:${taken}`], backends },
      { listen: `127.0.0.1:${free}`, backends, monitoring: { prometheus: { enabled: true, port: taken } } },
    ]) {
      const { code, text } = await attempt(t, settings);
      assert.equal(code, 1, text);
      assert.match(text, new RegExp(`${taken}.*in use`));
      assert.ok(!listensOn(free));
    }
  },
);

test('an address that this machine does not have: exit 1 and said so', { timeout: 60_000 }, async (t) => {
  const backends = [{ host: '127.0.0.1', port: 9 }];
  const away = await attempt(t, { listen: '192.0.2.77:8080', backends });
  assert.equal(away.code, 1, away.text);
  assert.match(away.text, /192\.0\.2\.77.*not available/);
});

test(
  'a native addon that is missing or broken: one clear message, exit 1',
  { timeout: 60_000 },
  async (t) => {
    const settings = { listen: `127.0.0.1:${await freePort()}`, backends: [{ host: '127.0.0.1', port: 9 }] };
    for (const file of ['/nowhere/at-all.node', CLI]) {
      const { code, text } = await attempt(t, settings, { ULTRABALANCER_NATIVE: file });
      assert.equal(code, 1, text);
      assert.match(text, /addon cannot be loaded/);
      assert.doesNotMatch(text, /^\s+at /m);
    }
  },
);

inOneMode('a second process on the same port is refused, and the first one serves on', async (lab) => {
  const { client, peer, lb } = await pair(lab, { workers: 2 });
  const child = spawn(process.execPath, [CLI, '--config', lb.file], { stdio: 'ignore' });
  const [code] = (await within(once(child, 'exit'), 'the second leaves')) as [number];
  assert.equal(code, 1);
  await client.send('mine');
  await peer.expect('mine');
});

inOneMode('killed under load: no orphan listens, the same port serves again at once', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)] });
  const clients = await Promise.all(Array.from({ length: 20 }, () => lb.connect()));
  for (const client of clients) client.socket.write(payload(3).at(0, 100_000));
  lb.signal('SIGKILL');
  await lb.exited;
  await until(() => !listensOn(lb.port), 'nobody listens');
  const next = await lab.start({ listen: `127.0.0.1:${lb.port}`, backends: [at(backend)] });
  const client = await connect(lb.port);
  await client.send('again');
  await client.expect('again');
  client.close();
  await next.untilMetric('active_connections', 0);
});

inOneMode('start, serve, leave, five times on one port', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const port = await freePort();
  for (let round = 0; round < 5; round += 1) {
    const lb = await lab.start({ listen: `127.0.0.1:${port}`, backends: [at(backend)] });
    const client = await lb.connect({ port });
    await client.send(`round ${round}`);
    await client.expect(`round ${round}`);
    lb.signal('SIGINT');
    client.fin();
    await client.expectFin();
    assert.deepEqual(await within(lb.exited, 'it leaves'), END);
  }
});
