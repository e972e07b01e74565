// Listening where an admin interface may: on a Unix socket that only this user can open, from its very first moment, or
// on a TCP address. Knows nothing of what is served.

import { lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';

/** Rejects with a Node-shaped error. A socket that nobody listens on any more is replaced, nothing else is. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (isSocket(path) && !(await answers(path))) unlinkSync(path);
  // The kernel makes the socket within the call, with the mode that this leaves.
  const before = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = settled(server);
    server.listen({ path });
  } finally {
    process.umask(before);
  }
  await listening;
}

/** Rejects with a Node-shaped error. */
export async function listenOnAddress(server: Server, host: string, port: number): Promise<void> {
  const listening = settled(server);
  server.listen({ host, port });
  await listening;
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
