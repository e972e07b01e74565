// Run as a program of its own: uses up what it is told, then probes a backend that is well and prints the verdicts.

import { once } from 'node:events';
import { openSync } from 'node:fs';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { createAwake } from '#src/health/awake.js';
import { createHttpProbe } from '#src/health/probe-http.js';
import { createTcpProbe } from '#src/health/probe-tcp.js';
import { systemTime } from '#src/health/time.js';

async function main(lack: 'fd' | 'port'): Promise<void> {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  server.listen(lack === 'port' ? 9 : 0, '127.0.0.1');
  await once(server, 'listening');
  const target = { host: '127.0.0.1', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  if (lack === 'fd') useUpDescriptors();
  else await useUpPorts(target.port);
  const awake = createAwake(systemTime);
  const { signal } = new AbortController();
  const verdicts = [
    await createTcpProbe({ timeout: 2000, awake })(target, signal),
    await createHttpProbe({ timeout: 2000, path: '/', expected_status: [], awake })(target, signal),
  ];
  process.stdout.write(JSON.stringify(verdicts), () => process.exit(0));
}

function useUpDescriptors(): void {
  try {
    for (;;) openSync('/dev/null', 'r');
  } catch {
    // None is left, as wanted.
  }
}

async function useUpPorts(port: number): Promise<void> {
  const held: Socket[] = [];
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    held.push(socket);
    const failed = await new Promise((resolve) => {
      socket.on('connect', () => resolve(false));
      socket.on('error', () => resolve(true));
    });
    if (failed === true) return;
  }
}

const lack = process.argv[2];
if (lack === 'fd' || lack === 'port') await main(lack);
