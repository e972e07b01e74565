// The smallest snapshot that relays: one listener, one pool, one backend, for tests that drive an engine themselves.

import type { Snapshot, SocketOptions, SpliceMode } from '#src/engine/engine.js';

const OPTIONS: SocketOptions = {
  noDelay: true,
  quickAck: false,
  keepAlive: false,
  keepAliveIdleMs: 0,
  keepAliveIntervalMs: 0,
  keepAliveCount: 0,
  userTimeoutMs: 0,
  deferAcceptMs: 0,
  fastOpen: 0,
  receiveBuffer: 0,
  sendBuffer: 0,
  congestion: '',
};

export interface Relay {
  readonly port: number;
  readonly backendPort: number;
  readonly generation?: number;
  readonly workers?: number;
  readonly splice?: SpliceMode;
}

export function relaySnapshot(relay: Relay): Snapshot {
  const { port, backendPort, generation = 1, workers = 2, splice = 'auto' } = relay;
  const timeouts = {
    connectMs: 2000,
    readMs: 0,
    writeMs: 0,
    idleMs: 0,
    halfCloseMs: 0,
    firstByteMs: 0,
    sessionMs: 0,
    sessionJitter: 0,
  };
  return {
    generation,
    workers,
    cpus: [],
    listeners: [
      {
        slot: 0,
        name: 'listener',
        addresses: [{ host: '127.0.0.1', port }],
        pool: 0,
        backlog: 511,
        maxConnections: 0,
        retries: 0,
        maxTurns: 0,
        bufferSize: 4096,
        maxBufferSize: 16_384,
        splice,
        pipeSize: 65_536,
        timeouts,
        options: OPTIONS,
      },
    ],
    pools: [
      {
        slot: 0,
        name: 'pool',
        backends: [
          { slot: 0, address: { host: '127.0.0.1', port: backendPort }, weight: 1, maxConnections: 0 },
        ],
        plan: { kind: 'sequence', members: [0], table: Uint16Array.of(0) },
        options: OPTIONS,
        failureThreshold: 0,
        preconnect: { min: 0, max: 0, timeoutMs: 0 },
      },
    ],
  };
}
