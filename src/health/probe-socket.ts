// What the probes over TCP have in common: one connection, one deadline for all of it, and an end that leaves nothing
// behind. The caller decides what a connection, bytes and an end of them mean.

import { type Socket, connect } from 'node:net';
import type { Awake } from './awake.ts';
import type { ProbeTarget, Verdict } from './health.ts';

/** Lacks of our own: they say nothing of the backend. */
const OWN_LACKS: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EAGAIN',
]);

/** These come only after a handshake: a refusal has names of its own. */
const BROKEN_AFTER_CONNECT: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export interface SocketProbe {
  readonly target: ProbeTarget;
  readonly timeout: number;
  readonly awake: Awake;
  readonly signal: AbortSignal;
  /** The handshake is done: a verdict, or undefined to go on. */
  connected(write: (text: string) => void): Verdict | undefined;
  /** Bytes came. */
  received(chunk: Buffer): Verdict | undefined;
  /** The backend ended or broke a connection that was there. */
  ended(how: string): Verdict;
  /** The time is over on a connection that is there. */
  silent(): Verdict;
}

/** Never rejects. The socket is gone when it resolves. */
export function probeSocket(probe: SocketProbe): Promise<Verdict> {
  const { target, signal } = probe;
  return new Promise((resolve) => {
    let isConnected = false;
    let peerEnded = false;
    let settled = false;
    const socket: Socket = connect({ host: target.address, port: target.port, autoSelectFamily: false });
    const cancelDeadline = probe.awake.deadline(probe.timeout, () => {
      settle(
        isConnected ? probe.silent() : { outcome: 'fail', code: 'L4TOUT', detail: 'no connection in time' },
      );
    });

    function settle(verdict: Verdict | undefined): void {
      if (settled || verdict === undefined) return;
      settled = true;
      cancelDeadline();
      signal.removeEventListener('abort', abort);
      // RST instead of FIN: many short connections would otherwise leave many local ports in TIME-WAIT. Where the
      // backend was the first to end there is none, and a reset is no longer allowed.
      if (isConnected && !peerEnded && !socket.destroyed) socket.resetAndDestroy();
      else socket.destroy();
      resolve(verdict);
    }

    function abort(): void {
      settle({ outcome: 'inconclusive', code: 'SOCKERR', detail: 'given up' });
    }

    function connected(): void {
      isConnected = true;
      settle(probe.connected((text) => socket.write(text)));
    }

    function failed(error: NodeJS.ErrnoException): void {
      const code = error.code ?? error.message;
      if (OWN_LACKS.has(code)) settle({ outcome: 'inconclusive', code: 'SOCKERR', detail: code });
      if (!isConnected && BROKEN_AFTER_CONNECT.has(code)) connected();
      settle(isConnected ? probe.ended(code) : { outcome: 'fail', code: 'L4CON', detail: explain(code) });
    }

    socket.on('connect', connected);
    socket.on('data', (chunk) => settle(probe.received(chunk)));
    socket.on('end', () => {
      peerEnded = true;
      settle(probe.ended(''));
    });
    socket.on('error', failed);
    socket.on('close', () => settle(probe.ended('')));
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

function explain(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'EHOSTUNREACH':
      return 'no route to host';
    case 'ENETUNREACH':
      return 'network unreachable';
    case 'ETIMEDOUT':
      return 'connection timed out';
    case 'EACCES':
    case 'EPERM':
      return 'not permitted by this host';
    default:
      return code;
  }
}
