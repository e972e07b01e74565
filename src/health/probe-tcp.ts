// A probe that is content with a handshake. The kernel shakes hands for a program that is stuck as well: whoever wants
// to know more asks with a request.

import type { Awake } from './awake.ts';
import type { Probe } from './health.ts';
import { probeSocket } from './probe-socket.ts';

export interface TcpProbeOptions {
  readonly timeout: number;
  readonly awake: Awake;
}

export function createTcpProbe({ timeout, awake }: TcpProbeOptions): Probe {
  return (target, signal) =>
    probeSocket({
      target,
      timeout,
      awake,
      signal,
      connected: () => ({ outcome: 'pass', code: 'L4OK', detail: '' }),
      received: () => undefined,
      ended: () => ({ outcome: 'pass', code: 'L4OK', detail: '' }),
      silent: () => ({ outcome: 'pass', code: 'L4OK', detail: '' }),
    });
}
