// Backends for probes to meet: each does one thing to whoever connects.

import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { ProbeTarget } from '#src/health/health.js';

export interface Peer {
  readonly target: ProbeTarget;
  readonly server: Server;
  /** Connections so far. */
  accepted(): number;
}

/** Listens on loopback for as long as the test runs. */
export async function openPeer(
  t: TestContext,
  serve: (socket: Socket) => void,
  host: string = '127.0.0.1',
): Promise<Peer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
    // Whoever does not read does not see the end either.
    socket.resume();
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { target: targetOf(server, host), server, accepted: () => accepted };
}

/** Answers a whole request with these bytes, then does what `then` says. */
export function answering(
  text: string,
  then: (socket: Socket) => void = (socket) => socket.end(),
): (s: Socket) => void {
  return (socket) => {
    let request = '';
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1');
      if (request.endsWith('\r\n\r\n')) socket.write(text, () => then(socket));
    });
  };
}

/** A port that nobody listens on. */
export async function refusing(): Promise<ProbeTarget> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = targetOf(server, '127.0.0.1');
  server.close();
  await once(server, 'close');
  return target;
}

function targetOf(server: Server, host: string): ProbeTarget {
  return { host, address: host, port: (server.address() as AddressInfo).port };
}

export interface ThreadPeer {
  readonly target: ProbeTarget;
}

/** The same in a thread of its own, which goes on while the test's thread stands still. */
export async function openThreadPeer(t: TestContext, answer: string, afterMs: number): Promise<ThreadPeer> {
  const worker = new Worker(new URL('./peer-thread.js', import.meta.url), {
    workerData: { answer, afterMs },
  });
  t.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  return { target: { host: '127.0.0.1', address: '127.0.0.1', port } };
}

/** This thread does nothing at all for so long. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
