// What the kernel tells about a process and its sockets: descriptors, threads, CPU time, listening ports, TCP details.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Descriptors {
  /** Those that listen are not among them: a reload may open and close some. */
  readonly sockets: number;
  readonly pipes: number;
  /** With whatever else there is. */
  readonly total: number;
}

/** Every TCP socket of this machine that listens: inode and port. */
function listeners(): Map<string, number> {
  const found = new Map<string, number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === '0A') found.set(inode, parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
    }
  }
  return found;
}

export function descriptors(pid: number): Descriptors {
  const folder = `/proc/${pid}/fd`;
  let sockets = 0;
  let pipes = 0;
  const names = readdirSync(folder);
  const listening = listeners();
  for (const name of names) {
    let target = '';
    try {
      target = readlinkSync(`${folder}/${name}`);
    } catch {
      continue; // closed meanwhile
    }
    if (target.startsWith('socket:')) sockets += listening.has(target.slice('socket:['.length, -1)) ? 0 : 1;
    else if (target.startsWith('pipe:')) pipes += 1;
  }
  return { sockets, pipes, total: names.length };
}

export function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Resident memory in bytes. */
export function memory(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

/** CPU seconds that a process has used. The kernel counts in hundredths. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Whether a TCP socket listens on that port, of any address. */
export function listensOn(port: number): boolean {
  return [...listeners().values()].includes(port);
}

const given = new Set<number>();

/**
 * A port that nobody listens on, from below the range that the kernel gives to connections, so that none of those takes
 * it before it is used.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = 10_240 + Math.floor(Math.random() * 20_000);
    if (given.has(port)) continue;
    given.add(port);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen({ host, port }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** What `ss` says about the sockets that a filter selects, with timers, memory and TCP details. */
export async function ss(filter: string): Promise<string> {
  const { stdout } = await execute('ss', ['-tinoHm', ...filter.split(' ')]);
  return stdout;
}

/** Bytes that the kernel at port `to` has taken of a connection that comes from port `from`; undefined: it has ended. */
export async function taken(from: number, to: number): Promise<number | undefined> {
  const socket = await ss(`sport = :${to} and dport = :${from}`);
  if (socket === '') return undefined;
  return Number(/bytes_received:(\d+)/.exec(socket)?.[1] ?? 0);
}
