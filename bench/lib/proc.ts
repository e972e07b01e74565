// What /proc tells: who listens, who is whose child, which CPUs are ours. Linux only, read anew at each call.

import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** "127.1.0.1:80" as /proc/net/tcp writes it: the address as a little-endian word, the port big-endian. */
export function kernelAddress(address: string): string {
  const [host = '', port = ''] = address.split(':');
  const word = host
    .split('.')
    .reverse()
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('');
  return `${word}:${Number(port).toString(16).padStart(4, '0')}`.toUpperCase();
}

/** Whether somebody listens on exactly this address, told by the kernel: nobody is connected to. */
export function isListening(address: string, table: string = read('/proc/net/tcp')): boolean {
  const wanted = kernelAddress(address);
  return table.split('\n').some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return local === wanted && state === '0A';
  });
}

/** Direct children of a process. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => /^PPid:\s*(\d+)$/m.exec(read(`/proc/${name}/status`))?.[1] === String(pid))
    .map(Number);
}

/** CPUs that this process may use, in ascending order. */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(read('/proc/self/status'))?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, n) => from + n);
  });
}

/** A port that nobody has on this address. Somebody could take it before it is used; then the start fails loudly. */
export async function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
