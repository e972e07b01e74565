// Sockets that a service manager has opened before this process was started (systemd's LISTEN_FDS). The environment that
// tells of them is cleared, so that no program that is started from here takes them for its own.

import type { ProcessCalls } from '../engine/binding.ts';

export interface Activated {
  readonly fd: number;
  /** LISTEN_FDNAMES, or `unknown`. */
  readonly name: string;
  /** Undefined when it is no listening TCP socket. */
  readonly place: { readonly host: string; readonly port: number } | undefined;
}

/** The first descriptor that the manager hands over; the others follow. */
const FIRST = 3;
/** More are a mistake. */
const MOST = 4096;

export function activatedSockets(
  env: NodeJS.ProcessEnv,
  pid: number,
  listensOn: ProcessCalls['listensOn'],
): readonly Activated[] {
  const count = Number(env['LISTEN_FDS']);
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  const ours = env['LISTEN_PID'] === String(pid) && Number.isInteger(count) && count > 0 && count <= MOST;
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) Reflect.deleteProperty(env, name);
  if (!ours) return [];
  return Array.from({ length: count }, (_, at) => {
    const fd = FIRST + at;
    return { fd, name: names[at] || 'unknown', place: listensOn(fd) };
  });
}
