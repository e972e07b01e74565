// What is taken from a metrics page, and what is said when there is none.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';

import { observeRunning, parseStates } from '#src/explain/observed.js';

async function page(t: TestContext, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
}

describe('parseStates', () => {
  it('reads two metrics, whatever the order, the labels and the rest of the page', () => {
    const states = parseStates(
      [
        '# TYPE ultrabalancer_l4_backend_up gauge',
        'ultrabalancer_l4_backend_up{pool="app",backend="10.0.0.1:80"} 1',
        'ultrabalancer_l4_backend_up{backend="[::1]:80",pool="a \\"b\\" \\\\ } c"} 0',
        'ultrabalancer_l4_backend_sessions{pool="app",backend="10.0.0.1:80"} 12 1700000000',
        'ultrabalancer_l4_backend_sessions{pool="app",backend="10.0.0.2:80"} 3',
        'ultrabalancer_l4_backend_up_ish{pool="app",backend="10.0.0.3:80"} 1',
        'process_cpu_seconds_total 1',
        '',
      ].join('\n'),
    );
    assert.deepEqual(
      [...states],
      [
        ['app\0' + '10.0.0.1:80', { up: true, sessions: 12 }],
        ['a "b" \\ } c\0' + '[::1]:80', { up: false, sessions: undefined }],
        ['app\0' + '10.0.0.2:80', { up: undefined, sessions: 3 }],
      ],
    );
  });
});

describe('observeRunning', () => {
  it('answers by pool and backend', async (t) => {
    const url = await page(t, (response) =>
      response.end('ultrabalancer_l4_backend_up{pool="app",backend="a:1"} 1\n'),
    );
    const seen = await observeRunning(url);
    assert.ok(seen.ok);
    assert.deepEqual(seen.observe('app', 'a:1'), { up: true, sessions: undefined });
    assert.equal(seen.observe('app', 'a:2'), undefined);
  });

  it('says why there is no answer', async (t) => {
    const gone = await page(t, (response) => response.writeHead(404).end());
    const other = await page(t, (response) => response.end('up 1\n'));
    const broken = await page(t, (response) => response.socket?.destroy());
    for (const [url, message] of [
      [gone, /answers 404/],
      [other, /has no ultrabalancer_l4_backend_up/],
      [broken, /cannot ask .*UND_ERR_SOCKET|cannot ask .*ECONNRESET/],
      ['nonsense', /cannot ask nonsense/],
      ['http://127.0.0.1:1/', /cannot ask/],
    ] as const) {
      const seen = await observeRunning(url);
      assert.ok(!seen.ok);
      assert.match(seen.message, message);
    }
  });
});
