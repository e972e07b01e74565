// Run as a program of its own: watches one HTTP backend, impatiently, and prints a line for each transition and for
// every tenth probe, until it is ended.

import { createMonitor } from '#src/health/monitor.js';

function main(port: number, timeout: number): void {
  const monitor = createMonitor({
    onTransition: ({ up, code, detail }) => console.log(`${up ? 'up' : 'down'} ${code} ${detail}`),
  });
  monitor.update([
    {
      name: 'web',
      health_checks: {
        enabled: true,
        check_type: 'http',
        interval: 50,
        timeout,
        unhealthy_threshold: 1,
        healthy_threshold: 2,
        path: '/',
        expected_status: [[200, 299]],
        jitter: 0,
        cache: 0,
      },
      backends: [{ key: `127.0.0.1:${port}`, host: '127.0.0.1', port, address: '127.0.0.1' }],
    },
  ]);
  let told = 0;
  setInterval(() => {
    const probes = monitor.list()[0]?.probes ?? 0;
    if (probes >= told + 3) console.log(`probes ${(told = probes)}`);
  }, 10);
}

if (process.argv[2] !== undefined) main(Number(process.argv[2]), Number(process.argv[3]));
