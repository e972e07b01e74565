// A session that has ended, whatever a test says of it.

import type { EndedSession } from '#src/engine/engine.js';
import type { Names } from '#src/access-log/record.js';

const NOT_MEASURED = { rttMs: undefined, rttVarianceMs: undefined, retransmits: undefined };

export function ended(some: Partial<EndedSession> = {}): EndedSession {
  return {
    worker: 1,
    listener: 1,
    pool: 2,
    backend: 3,
    client: '192.0.2.7',
    clientPort: 50_000,
    local: '2001:db8::1',
    localPort: 443,
    reason: 'finished',
    failure: undefined,
    attempts: 1,
    warm: false,
    clientEndedFirst: 'fin',
    backendEndedFirst: undefined,
    reset: false,
    backendEnded: true,
    clientStuck: false,
    backendStuck: false,
    endedAtMs: Date.UTC(2024, 1, 3, 4, 5, 6, 7),
    durationMs: 1500.5,
    waitedMs: 0.51234,
    handshakeMs: 0.25,
    clientByteMs: 1,
    backendByteMs: 3.5,
    turns: 2,
    turnsMs: 4,
    longestTurnMs: 2.5,
    toBackendBytes: 120,
    toClientBytes: 4096,
    clientTcp: { rttMs: 12.5, rttVarianceMs: 3, retransmits: 2 },
    backendTcp: NOT_MEASURED,
    ...some,
  };
}

export const NAMES: Names = {
  listenerName: (slot) => (slot === 1 ? 'web' : undefined),
  poolName: (slot) => (slot === 2 ? 'app' : undefined),
  backendName: (slot) => (slot === 3 ? { pool: 'app', backend: '10.0.0.1:9001' } : undefined),
};
