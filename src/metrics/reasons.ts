// What close reasons and connect failures mean for people, and which ends of a session count as errors. A table over
// the engine's closed lists: the compiler asks for a line when one is added there.

import { CLOSE_REASONS, type CloseReason, type ConnectFailure } from '../engine/engine.ts';

interface Meaning {
  readonly text: string;
  /** Whether it is an error of the service: the client was there and did not get what it came for. */
  readonly error: boolean;
}

/** What clients do themselves (reset, fall silent) is no error, nor is what the config or an operator asked for. */
export const CLOSE_MEANINGS: Readonly<Record<CloseReason, Meaning>> = {
  finished: { text: 'both sides ended in order', error: false },
  client_reset: { text: 'the client reset the connection', error: false },
  backend_reset: { text: 'the backend reset the connection', error: true },
  client_lost: { text: 'the client took no more bytes after it had ended', error: false },
  backend_lost: { text: 'the backend took no more bytes after it had ended', error: true },
  connect_failed: { text: 'no backend could be connected to', error: true },
  connect_timeout: {
    text: 'the last backend that was tried did not answer within `timeouts.connect`',
    error: true,
  },
  no_backend: { text: 'no backend is in rotation', error: true },
  backends_full: { text: 'all backends are at their `max_connections`', error: true },
  read_timeout: { text: 'an answer was owed and nothing came for `timeouts.read`', error: true },
  write_timeout: { text: 'one side took no bytes for `timeouts.write`', error: true },
  idle_timeout: { text: 'nothing was owed and nothing came for `timeouts.keepalive`', error: false },
  half_close_timeout: {
    text: 'one side had ended and the other was silent for `timeouts.half_close`',
    error: false,
  },
  first_byte_timeout: { text: 'the client said nothing for `timeouts.first_byte`', error: false },
  session_timeout: { text: 'the session was as old as `timeouts.session` allows', error: false },
  turn_limit: { text: 'the session had as many turns as `max_requests_per_connection` allows', error: false },
  drained: { text: 'a drain ended it: of the process, a listener or a backend', error: false },
  killed: { text: 'an operator ended it', error: false },
  shutdown: { text: 'the process was told to end at once', error: false },
  rebalanced: { text: 'idle on a backend that had more than its share', error: false },
  no_memory: { text: 'no memory or no place for the session', error: true },
};

export const CONNECT_FAILURE_MEANINGS: Readonly<Record<ConnectFailure, string>> = {
  refused: 'nothing listens there',
  timeout: 'no answer within `timeouts.connect`',
  unreachable: 'no way to that host or network',
  no_local_port: 'this machine has no local port left for that address',
  no_descriptor: 'this process has no descriptor or memory left',
  other: 'another error of the system',
};

/** By the engine's order. */
export const IS_ERROR: readonly boolean[] = CLOSE_REASONS.map((reason) => CLOSE_MEANINGS[reason].error);
