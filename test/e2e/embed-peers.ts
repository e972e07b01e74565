// Backends that say who they are, clients that ask, and ways to wait that end as soon as what is waited for is there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

import { type Balancer, type BalancerOptions, type ConfigInput, createBalancer } from '#src/index.js';

export interface NamedPeer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `host:port`. */
  readonly key: string;
  close(): void;
}

/** Says its name to whoever connects, then echoes; closes when the client does. */
export async function openNamed(t: TestContext, name: string): Promise<NamedPeer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  t.after(close);
  const { port } = server.address() as AddressInfo;
  return { host: '127.0.0.1', port, key: `127.0.0.1:${port}`, close };
}

/** A port that nobody has right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Client {
  /** Who answered. */
  readonly name: string;
  readonly socket: Socket;
}

/** Connects and waits for the name; undefined when the connection ends without one. */
export function enter(port: number, localAddress = '127.0.0.1'): Promise<Client | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    let text = '';
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\n');
      if (end >= 0) resolve({ name: text.slice(0, end), socket });
    });
  });
}

/** Who serves a session that ends at once. */
export async function ask(port: number, localAddress?: string): Promise<string | undefined> {
  const client = await enter(port, localAddress);
  client?.socket.destroy();
  return client?.name;
}

/** Until it holds; fails after `ms` with what it was waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > deadline) assert.fail(`not in ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A balancer that serves, and is gone after the test. */
export async function serving(
  t: TestContext,
  config: ConfigInput | string,
  options?: BalancerOptions,
): Promise<Balancer> {
  const balancer = createBalancer(config, options);
  t.after(() => balancer.stop());
  assert.deepEqual(await balancer.start(), { ok: true });
  return balancer;
}
