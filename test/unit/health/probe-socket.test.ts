// The probes over TCP against real sockets: what counts as success, how failures are told, and that nothing stays.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createAwake } from '#src/health/awake.js';
import type { Probe, ProbeTarget, Verdict } from '#src/health/health.js';
import { createHttpProbe } from '#src/health/probe-http.js';
import { createTcpProbe } from '#src/health/probe-tcp.js';
import { systemTime } from '#src/health/time.js';
import { until } from './fake-time.ts';
import { answering, openDescriptors, openPeer, openThreadPeer, refusing, standStill } from './peers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';
const awake = createAwake(systemTime);

function tcp(timeout: number = 1000): Probe {
  return createTcpProbe({ timeout, awake });
}

function http(
  fields: { timeout?: number; path?: string; host?: string; expected?: [number, number][] } = {},
): Probe {
  const { timeout = 1000, path = '/health', host, expected = [[200, 399]] } = fields;
  return createHttpProbe({ timeout, path, host, expected_status: expected, awake });
}

function ask(probe: Probe, target: ProbeTarget): Promise<Verdict> {
  return probe(target, new AbortController().signal);
}

const reset = (socket: Socket): void => void socket.resetAndDestroy();

describe('the TCP probe', () => {
  it('is content with a handshake, over IPv4 and IPv6, and hangs up', async (t) => {
    for (const host of ['127.0.0.1', '::1']) {
      let closed = 0;
      const peer = await openPeer(t, (socket) => void socket.resume().on('close', () => (closed += 1)), host);
      assert.deepEqual(await ask(tcp(), peer.target), { outcome: 'pass', code: 'L4OK', detail: '' });
      await until(() => closed === 1, 'the connection stays');
    }
  });

  it('is content with one that is reset at once', async (t) => {
    const peer = await openPeer(t, reset);
    for (let n = 0; n < 20; n += 1) assert.equal((await ask(tcp(), peer.target)).code, 'L4OK');
  });

  it('tells a refusal', async () => {
    assert.deepEqual(await ask(tcp(), await refusing()), {
      outcome: 'fail',
      code: 'L4CON',
      detail: 'connection refused',
    });
  });

  it('leaves no local port in TIME-WAIT', async (t) => {
    const ours: string[] = [];
    const hex = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const peer = await openPeer(t, (socket) => {
      ours.push(`${hex(socket.remotePort ?? 0)} ${hex(socket.localPort ?? 0)}`);
    });
    for (let n = 0; n < 10; n += 1) await ask(tcp(), peer.target);
    await until(() => ours.length === 10, 'not all have come');
    const table = readFileSync('/proc/net/tcp', 'utf8');
    assert.deepEqual(
      ours.filter((pair) => table.includes(`${pair} 06`)),
      [],
    );
  });
});

describe('the HTTP probe', () => {
  it('asks as it should', async (t) => {
    let request = '';
    const peer = await openPeer(t, (socket) => {
      socket.on('data', (chunk) => (request += chunk.toString('latin1')));
      answering(OK)(socket);
    });
    assert.deepEqual(await ask(http({ path: '/ready?deep=1' }), peer.target), {
      outcome: 'pass',
      code: 'L7OK',
      detail: '200',
    });
    assert.equal(
      request,
      `GET /ready?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:${peer.target.port}\r\n` +
        'User-Agent: ultrabalancer-l4\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
    request = '';
    await ask(http({ host: 'shop.example' }), { ...peer.target, host: 'name' });
    assert.match(request, /\r\nHost: shop\.example\r\n/);
    request = '';
    await ask(http(), { ...peer.target, host: 'fe80::7' });
    assert.match(request, /\r\nHost: \[fe80::7\]:\d+\r\n/);
  });

  const verdicts: readonly [string, Partial<Verdict>][] = [
    [OK, { outcome: 'pass', detail: '200' }],
    ['HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n', { outcome: 'pass', detail: '204' }],
    ['HTTP/1.0 200 OK\r\n\r\n', { outcome: 'pass' }],
    ['HTTP/1.1 200\r\n\r\n', { outcome: 'pass' }],
    ['HTTP/1.1 200 OK\n\n', { outcome: 'pass' }],
    ['HTTP/1.1 301 Moved\r\n\r\n', { outcome: 'pass' }],
    ['HTTP/1.1 503 Service Unavailable\r\n\r\n', { outcome: 'fail', code: 'L7STS', detail: 'status 503' }],
    ['HTTP/1.1 404 Not Found\r\n\r\n', { outcome: 'fail', code: 'L7STS' }],
    ['HTTP/1.1 099 What\r\n\r\n', { outcome: 'fail', code: 'L7RSP' }],
    ['HTTP/1.1 2000 What\r\n\r\n', { outcome: 'fail', code: 'L7RSP' }],
    ['HTTP/1.1 20', { outcome: 'fail', code: 'L7RSP', detail: 'answer cut short' }],
    ['HTTP/1.1 200 OK', { outcome: 'fail', code: 'L7RSP', detail: 'answer cut short' }],
    ['HTTP/1.', { outcome: 'fail', code: 'L7RSP' }],
    ['SSH-2.0-nine\r\n', { outcome: 'fail', code: 'L7RSP', detail: 'not HTTP: "SSH-2.0-nine"' }],
    ['\r\n', { outcome: 'fail', code: 'L7RSP' }],
    ['x'.repeat(100_000), { outcome: 'fail', code: 'L7RSP' }],
    [`HTTP/1.1 200 ${'x'.repeat(100_000)}`, { outcome: 'fail', code: 'L7RSP' }],
  ];
  for (const [answer, expected] of verdicts) {
    it(`takes ${JSON.stringify(answer.slice(0, 30))} for ${expected.code ?? expected.outcome}`, async (t) => {
      const peer = await openPeer(t, answering(answer));
      const verdict = await ask(http(), peer.target);
      assert.deepEqual({ ...verdict, ...expected }, verdict);
    });
  }

  it('goes by the status codes that are expected', async (t) => {
    const peer = await openPeer(t, answering('HTTP/1.1 401 Unauthorized\r\n\r\n'));
    const codes = [
      [401, 401],
      [200, 204],
    ] satisfies [number, number][];
    assert.equal((await ask(http({ expected: codes }), peer.target)).outcome, 'pass');
    assert.equal((await ask(http({ expected: [[402, 500]] }), peer.target)).outcome, 'fail');
  });

  it('takes an answer with a reset right behind it for a success, every time', async (t) => {
    const peer = await openPeer(t, answering(OK, reset));
    for (let n = 0; n < 100; n += 1) assert.equal((await ask(http(), peer.target)).outcome, 'pass');
  });

  it('reads a status line that comes byte by byte', async (t) => {
    const peer = await openPeer(t, (socket) => {
      socket.setNoDelay(true);
      const answer = async (): Promise<void> => {
        for (const byte of OK) {
          socket.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      socket.once('data', () => void answer());
    });
    assert.equal((await ask(http(), peer.target)).outcome, 'pass');
  });

  it('does not wait for more from one that is not HTTP', async (t) => {
    const peer = await openPeer(t, (socket) => socket.write('+OK ready\r'));
    assert.equal((await ask(http({ timeout: 60_000 }), peer.target)).code, 'L7RSP');
  });

  it('tells a reset and an end without an answer', async (t) => {
    const broken = await openPeer(t, (socket) => void socket.once('data', () => reset(socket)));
    assert.deepEqual(await ask(http(), broken.target), {
      outcome: 'fail',
      code: 'L7RSP',
      detail: 'no answer (ECONNRESET)',
    });
    const mute = await openPeer(t, (socket) => void socket.end());
    assert.equal((await ask(http(), mute.target)).code, 'L7RSP');
  });

  it('tells silence, before and within the answer, at its own timeout', async (t) => {
    for (const [said, detail] of [
      ['', 'no answer in time'],
      ['HTTP/1.1 2', 'no whole status line in time'],
    ] as const) {
      const peer = await openPeer(t, (socket) => void socket.once('data', () => socket.write(said)));
      const began = performance.now();
      assert.deepEqual(await ask(http({ timeout: 120 }), peer.target), {
        outcome: 'fail',
        code: 'L7TOUT',
        detail,
      });
      assert.ok(performance.now() - began >= 115);
    }
  });
});

describe('a probe while this thread stands still', () => {
  it('counts what was answered meanwhile as answered', async (t) => {
    const peer = await openThreadPeer(t, OK, 150);
    const asked = ask(http({ timeout: 300 }), peer.target);
    await new Promise((resolve) => setTimeout(resolve, 60));
    standStill(900);
    assert.equal((await asked).outcome, 'pass');
  });

  it('has its whole time even if it stood still before the request was sent', async (t) => {
    const peer = await openThreadPeer(t, OK, 150);
    const asked = ask(http({ timeout: 300 }), peer.target);
    standStill(900);
    assert.equal((await asked).outcome, 'pass');
  });

  it('still finds out that there is no answer', async (t) => {
    const peer = await openThreadPeer(t, '', 0);
    const asked = ask(http({ timeout: 200 }), peer.target);
    await new Promise((resolve) => setTimeout(resolve, 50));
    standStill(600);
    const began = performance.now();
    assert.equal((await asked).code, 'L7TOUT');
    assert.ok(performance.now() - began >= 90, 'the rest of its time');
  });

  it('takes a handshake that was done meanwhile for one', async (t) => {
    const peer = await openThreadPeer(t, OK, 0);
    const asked = ask(tcp(100), peer.target);
    standStill(500);
    assert.equal((await asked).outcome, 'pass');
  });
});

describe('what probes leave behind', () => {
  it('is nothing, however they end', async (t) => {
    const peers = [
      await openPeer(t, answering(OK)),
      await openPeer(t, answering(OK, reset)),
      await openPeer(t, reset),
      await openPeer(t, (socket) => void socket.resume()),
      await openPeer(t, (socket) => void socket.write('HTTP/1.', () => socket.end())),
    ];
    const targets = [...peers.map((peer) => peer.target), await refusing()];
    const ending = new AbortController();
    const once = async (): Promise<void> => {
      await Promise.all(
        targets.flatMap((target) => [tcp(60), http({ timeout: 60 })].map((probe) => ask(probe, target))),
      );
    };
    await once();
    const before = openDescriptors();
    for (let n = 0; n < 20; n += 1) await once();
    const given = targets.map((target) => http({ timeout: 60_000 })(target, ending.signal));
    ending.abort();
    for (const verdict of await Promise.all(given)) assert.equal(verdict.outcome, 'inconclusive');
    await until(() => openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
  });
});

describe('lacks of our own', () => {
  const script = new URL('./own-lacks.js', import.meta.url).pathname;

  it('descriptors: inconclusive', async () => {
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      `ulimit -n 80; exec "${process.execPath}" "${script}" fd`,
    ]);
    assert.deepEqual(
      JSON.parse(stdout),
      ['EMFILE', 'EMFILE'].map((detail) => ({ outcome: 'inconclusive', code: 'SOCKERR', detail })),
    );
  });

  it('local ports: inconclusive', async (t) => {
    const run = promisify(execFile);
    const inside = 'ip link set lo up && echo 61000 61003 > /proc/sys/net/ipv4/ip_local_port_range';
    try {
      await run('unshare', ['-rn', 'bash', '-c', inside]);
    } catch {
      return t.skip('no network namespace to be had');
    }
    const { stdout } = await run('unshare', [
      '-rn',
      'bash',
      '-c',
      `${inside} && exec "${process.execPath}" "${script}" port`,
    ]);
    assert.deepEqual(
      JSON.parse(stdout),
      ['EADDRNOTAVAIL', 'EADDRNOTAVAIL'].map((detail) => ({
        outcome: 'inconclusive',
        code: 'SOCKERR',
        detail,
      })),
    );
  });
});
