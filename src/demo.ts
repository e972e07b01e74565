// `--demo`: two web servers of our own behind the balancer, so that the first look needs nothing else. They say who
// they are; everything else is the product as it is.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Demo {
  /** YAML text of the config that the demo runs. */
  readonly config: string;
  close(): void;
}

function backend(name: string): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.setHeader('x-backend', name);
    response.end(request.url === '/health' ? 'ok\n' : `hello from backend ${name}\n`);
  });
  server.keepAliveTimeout = 75_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

export async function startDemo(): Promise<Demo> {
  const servers = [await backend('one'), await backend('two')];
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const config = [
    'listen: 127.0.0.1:8080',
    'max_connections: 1000',
    'algorithm: round_robin',
    'log: { format: text }',
    'health_checks: { check_type: http, path: /health, interval: 2s, timeout: 1s }',
    'backends:',
    ...ports.map((port) => `  - { host: 127.0.0.1, port: ${port} }`),
    'monitoring: { prometheus: { enabled: true, port: 9090 } }',
    '',
  ].join('\n');
  return { config, close: () => servers.forEach((server) => server.close()) };
}
