// An address that answers no handshake, without a firewall: a listener whose queue is full drops every further SYN in
// silence. The kernel of the one who dials tries again after a second, then after two more.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { within } from './deadline.ts';

export interface BlackHole {
  readonly port: number;
  /** From now on it accepts and records each connection that says or ends something: what it said, and how it ended. */
  open(): void;
  /** The next such connection. */
  next(ms?: number): Promise<{ readonly text: string; readonly end: 'fin' | 'rst' }>;
  close(): void;
}

// Node accepts at once whatever comes, so the listener that does not is a few lines of another language.
const PROGRAM = `
import select, socket, sys
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(0)
fillers = []
for _ in range(2):
    s = socket.socket(); s.setblocking(False); s.connect_ex(listener.getsockname()); fillers.append(s)
select.select([], [fillers[0]], [], 2)
print(listener.getsockname()[1], flush=True)
sys.stdin.readline()
for s in fillers: s.close()
listener.listen(64)
while True:
    c, _ = listener.accept()
    c.settimeout(5)
    text, end = b'', ''
    try:
        while end == '':
            got = c.recv(65536)
            text += got
            if not got: end = 'fin'
    except ConnectionResetError: end = 'rst'
    except OSError: pass
    c.close()
    if text: print(text.decode('latin1'), end, flush=True)
`;

export async function blackHole(): Promise<BlackHole> {
  const child: ChildProcess = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null || child.stdin === null) throw new Error('a child without pipes');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { stdin } = child;
  const line = async (what: string, ms?: number): Promise<string> => {
    const next: IteratorResult<string, undefined> = await within(lines.next(), what, ms);
    if (next.done) throw new Error(`${what}: it has gone`);
    return next.value;
  };
  const port = Number(await line('a black hole'));
  return {
    port,
    open: () => void stdin.write('\n'),
    async next(ms) {
      const [text = '', end = ''] = (
        await line('a connection of the black hole that says something', ms)
      ).split(' ');
      return { text, end: end === 'rst' ? 'rst' : 'fin' };
    },
    close: () => void child.kill(),
  };
}

/** A port that answers every SYN with a reset, for as long as it is held: bound, never listening. */
export async function refusingPort(): Promise<{ readonly port: number; close(): void }> {
  // A connected socket keeps its local port: nobody can listen there, and nobody else is answered.
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const holder: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(holder, 'connect');
  holder.on('error', () => undefined);
  return {
    port: holder.localPort ?? 0,
    close() {
      holder.destroy();
      server.close();
    },
  };
}
