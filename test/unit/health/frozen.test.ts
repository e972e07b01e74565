// A thread or a process that stands still is no failed probe, although one failure would be enough here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { createMonitor } from '#src/health/monitor.js';
import { until } from './fake-time.ts';
import { openThreadPeer, standStill } from './peers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

describe('a monitor that is frozen with a probe under way', () => {
  it('takes nobody for dead when its thread stands still', async (t) => {
    const peer = await openThreadPeer(t, OK, 100);
    const told: string[] = [];
    const monitor = createMonitor({ onTransition: ({ code, detail }) => told.push(`${code} ${detail}`) });
    t.after(() => monitor.stop());
    monitor.update([
      {
        name: 'web',
        health_checks: {
          enabled: true,
          check_type: 'http',
          interval: 60,
          timeout: 300,
          unhealthy_threshold: 1,
          healthy_threshold: 2,
          path: '/',
          expected_status: [[200, 299]],
          jitter: 0,
          cache: 0,
        },
        backends: [{ ...peer.target, key: `127.0.0.1:${peer.target.port}` }],
      },
    ]);
    const probes = (): number => monitor.list()[0]?.probes ?? 0;
    for (let round = 0; round < 4; round += 1) {
      const before = probes();
      await until(() => probes() >= before + 2, 'no probes');
      // At different moments of a probe.
      await new Promise((resolve) => setTimeout(resolve, round * 25));
      standStill(600);
    }
    const before = probes();
    await until(() => probes() >= before + 3, 'no probes after the last time');
    assert.deepEqual(told, []);
  });

  it('takes nobody for dead when the whole process is stopped', async (t) => {
    const peer = await openThreadPeer(t, OK, 100);
    const program = new URL('./watch-program.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [program, String(peer.target.port), '300'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const lines = (): number => said.split('\n').length;
    for (let round = 0; round < 4; round += 1) {
      const before = lines();
      await until(() => lines() > before, 'it does not probe', 5000);
      await new Promise((resolve) => setTimeout(resolve, round * 25));
      child.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 600));
      child.kill('SIGCONT');
    }
    const before = lines();
    await until(() => lines() > before, 'it does not probe after the last time', 5000);
    assert.doesNotMatch(said, /down/);
  });
});
