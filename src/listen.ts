// Listening for servers of this thread: on a Unix socket that only this user can open, from its very first moment, or on
// a TCP address, made here or inherited. A socket's name appears once it listens, and can take the place of another
// one's in one step; its server never removes a name that has become somebody else's. Knows nothing of what is served.

import { chownSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';

/** A Unix socket that listens. */
export interface Named {
  /** Takes its name, from whoever has it. Harmless when it has it already. */
  publish(): void;
  /** Gives the name up, if it is still its own. */
  remove(): void;
}

export interface SocketOptions {
  /** The name is somebody's who still answers: it is taken by `publish` alone. */
  readonly replaces?: boolean;
  /** Whom the socket belongs to; this user unless told. */
  readonly owner?: { readonly user: number; readonly group: number } | undefined;
}

let made = 0;

/** Rejects with a Node-shaped error. A socket that nobody listens on any more is replaced, nothing else is. */
export async function listenOnSocket(
  server: Server,
  path: string,
  { replaces = false, owner }: SocketOptions = {},
): Promise<Named> {
  if (!replaces && isSocket(path) && !(await answers(path))) unlinkSync(path);
  // libuv unlinks, when it closes, the name that it has bound. That name is never the one that others know.
  made = (made + 1) % 10;
  const first = join(dirname(path), `.${process.pid.toString(36)}${made}`);
  if (isSocket(first)) unlinkSync(first);
  // The kernel makes the socket within the call, with the mode that this leaves.
  const before = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = settled(server);
    server.listen({ path: first });
  } finally {
    process.umask(before);
  }
  try {
    await listening;
  } catch (error) {
    throw Object.assign(error as Error, { address: path });
  }
  let published = false;
  const { ino } = lstatSync(first);
  const named: Named = {
    publish() {
      if (!published) renameSync(first, path);
      published = true;
    },
    remove() {
      const name = published ? path : first;
      if (inodeOf(name) === ino) unlinkSync(name);
    },
  };
  try {
    if (owner !== undefined) chownSync(first, owner.user, owner.group);
    if (!replaces) {
      linkSync(first, path); // unlike a rename, refused when somebody else has been quicker
      unlinkSync(first);
      published = true;
    }
  } catch (error) {
    named.remove();
    server.close();
    const taken = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw Object.assign(error as Error, {
      ...(taken ? { code: 'EADDRINUSE' } : {}),
      syscall: 'listen',
      address: path,
    });
  }
  return named;
}

/** Rejects with a Node-shaped error. With a descriptor, that is what listens already and becomes the server's. */
export async function listenOnAddress(
  server: Server,
  host: string,
  port: number,
  descriptor?: number,
): Promise<void> {
  const listening = settled(server);
  server.listen(descriptor === undefined ? { host, port } : { fd: descriptor });
  await listening;
}

/** Of a server that listens. Node has it where none of its documents say. */
export function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as { _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

function settled(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      server.off('error', failed);
      resolve();
    };
    const failed = (error: Error): void => {
      server.off('listening', done);
      reject(error);
    };
    server.once('listening', done);
    server.once('error', failed);
  });
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return lstatSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Whether somebody takes connections there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Refused is the one answer that says for sure that nobody is there.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
