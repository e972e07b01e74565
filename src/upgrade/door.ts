// The Unix socket on which a process that wants to take over finds this one, over reloads: the new place is open before
// the old one is closed. Whoever comes is either the same user or root, and is handed on as a bare descriptor, since
// Node cannot pass descriptors over its own sockets. Knows no message.

import { createServer, type Server, type Socket } from 'node:net';

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError } from '../errors.ts';
import { descriptorOf, listenOnSocket, type Named, type SocketOptions } from '../listen.ts';
import type { Opened } from '../opened.ts';

export interface DoorParts {
  readonly calls: Pick<ProcessCalls, 'duplicate' | 'peer' | 'close'>;
  readonly opening: () => SocketOptions;
  /** The descriptor is the callee's. */
  readonly onCaller: (descriptor: number, pid: number) => void;
  readonly warn: (message: string) => void;
}

export interface Door {
  /** '' is nowhere. Rejects with what is wrong, for people, and has opened nothing then. */
  open(path: string): Promise<Opened>;
  close(): void;
}

interface Open {
  readonly path: string;
  readonly server: Server;
  readonly named: Named;
}

/** Who else comes waits in the kernel. */
const MOST_CALLERS = 4;

export function createDoor({ calls, opening, onCaller, warn }: DoorParts): Door {
  let open: Open | undefined;

  function welcome(socket: Socket): void {
    const theirs = descriptorOf(socket as unknown as Server);
    if (theirs === undefined) return void socket.destroy();
    const descriptor = calls.duplicate(theirs);
    socket.destroy(); // closes one of two descriptors: the connection stays
    const { user, pid } = calls.peer(descriptor);
    if (user === 0 || user === process.geteuid?.()) return onCaller(descriptor, pid);
    calls.close(descriptor);
    warn(`process ${pid} of user ${user} wants to take over and may not`);
  }

  async function start(path: string): Promise<Open> {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      try {
        welcome(socket);
      } catch (error) {
        socket.destroy();
        warn(`a process that wants to take over cannot be heard: ${describeError(error)}`);
      }
    });
    server.maxConnections = MOST_CALLERS;
    server.unref();
    try {
      const named = await listenOnSocket(server, path, opening());
      return { path, server, named };
    } catch (error) {
      throw new Error(`the socket for upgrades cannot be opened: ${describeError(error)}`, { cause: error });
    }
  }

  function shut(one: Open | undefined): void {
    one?.named.remove();
    one?.server.close();
  }

  return {
    async open(path) {
      const before = open;
      const fresh = path === '' || path === before?.path ? undefined : await start(path);
      return {
        keep() {
          open = fresh ?? (path === '' ? undefined : before);
          fresh?.named.publish();
          if (before !== open) shut(before);
        },
        discard() {
          shut(fresh);
          return Promise.resolve();
        },
      };
    },
    close() {
      shut(open);
      open = undefined;
    },
  };
}
