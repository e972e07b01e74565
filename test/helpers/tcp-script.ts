// Clients and backends of a scenario, which so reads like a script: listen, connect, accept, and then what peers do.

import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { quiet, until, within } from './deadline.ts';
import { peerOf, type Peer } from './peer.ts';

export type { End, Peer } from './peer.ts';

export interface ConnectOptions {
  readonly host?: string;
  readonly from?: string;
  readonly paused?: boolean;
  readonly name?: string;
}

/** A client that the kernel has connected: the balancer need not have accepted it yet. */
export async function connect(port: number, options: ConnectOptions = {}): Promise<Peer> {
  const { host = '127.0.0.1', from, paused = false, name = 'the client' } = options;
  // The mark is an option of streams that the types of net do not know of here.
  const settings = {
    host,
    port,
    allowHalfOpen: true,
    highWaterMark: 1,
    ...(from === undefined ? {} : { localAddress: from }),
  };
  const socket = dial(settings);
  const peer = peerOf(socket, name);
  if (paused) socket.pause();
  // A connection that was reset the moment it stood was one: how it ended is the peer's to tell.
  const stood = once(socket, 'connect').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  });
  await within(stood, `${name}: connect to ${host}:${port}`);
  return peer;
}

export interface Backend {
  readonly host: string;
  readonly port: number;
  /** `host:port`, as in metrics and logs. */
  readonly key: string;
  /** Connections that came. */
  accepted(): number;
  /** Connections that are open on this side. */
  open(): number;
  /** The next connection, in the order of coming; it has not been read from when `paused`. */
  accept(paused?: boolean): Promise<Peer>;
  /** That nobody comes for so long. */
  expectNobody(ms?: number): Promise<void>;
  /** Answers every connection from now on. */
  serve(handler: (peer: Peer) => void | Promise<void>): Backend;
  /** Refuses from now on, and gives up what is open. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
  readonly backlog?: number;
}

/** A scripted backend on a port of the kernel's choice. */
export async function listen(options: ListenOptions = {}): Promise<Backend> {
  const { host = '127.0.0.1', port = 0, backlog = 511 } = options;
  const queue: Socket[] = [];
  const open = new Set<Socket>();
  let accepted = 0;
  let handler: ((peer: Peer) => void | Promise<void>) | undefined;
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: 1 });
  const key = (): string =>
    `${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;

  function served(socket: Socket, by: NonNullable<typeof handler>): void {
    const peer = peerOf(socket, `backend ${key()}`);
    socket.resume();
    // A handler's peer may leave at any time: that is the other side's business.
    void Promise.resolve(by(peer)).catch(() => socket.destroy());
  }
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    if (handler === undefined) queue.push(socket);
    else served(socket, handler);
  });
  server.listen({ host, port, backlog });
  await within(once(server, 'listening'), `a backend on ${host}:${port}`);
  const bound = key();

  const backend: Backend = {
    host,
    port: (server.address() as AddressInfo).port,
    key: bound,
    accepted: () => accepted,
    open: () => open.size,
    async accept(paused = false) {
      const socket = await until(() => queue.shift(), `backend ${bound}: no connection`);
      const peer = peerOf(socket, `backend ${bound}`);
      if (paused) socket.pause();
      else socket.resume();
      return peer;
    },
    async expectNobody(ms = 200) {
      const before = accepted;
      await quiet(ms);
      if (accepted !== before) throw new Error(`backend ${bound}: a connection that should not have come`);
    },
    serve(by) {
      handler = by;
      for (const socket of queue.splice(0)) served(socket, by);
      return backend;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
  return backend;
}

/** Returns every byte, and passes the end on. */
export function echo(peer: Peer): void {
  peer.socket.removeAllListeners('data');
  peer.socket.pipe(peer.socket);
}

/** Answers every chunk with its own name: tells who was picked. */
export function named(name: string): (peer: Peer) => void {
  return (peer) => {
    peer.socket.on('data', () => peer.socket.write(name));
    peer.socket.on('end', () => peer.socket.end());
  };
}
