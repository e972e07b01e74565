// How a session ended in the two letters that HAProxy's log has for it: who or what ended it, and in which phase it was.
// A table over the engine's closed list: the compiler asks for a line when a reason is added there. docs/access-log.md
// has the same table for people, and a test compares.

import type { CloseReason, EndedSession } from '../engine/engine.ts';

/** What the letters depend on besides the reason. */
export type Ending = Pick<
  EndedSession,
  | 'reason'
  | 'failure'
  | 'waitedMs'
  | 'backendEnded'
  | 'clientStuck'
  | 'clientEndedFirst'
  | 'backendEndedFirst'
>;

/** Aborted by client or server; ended by the proxy itself; no resources; killed by an operator; time ran out on a side. */
type Who = 'C' | 'S' | 'P' | 'R' | 'K' | 'c' | 's';

const WHO: Readonly<Record<Exclude<CloseReason, 'finished'>, Who | ((ending: Ending) => Who)>> = {
  client_reset: 'C',
  client_lost: 'C',
  backend_reset: 'S',
  backend_lost: 'S',
  connect_failed: ({ failure }) => (failure === 'no_local_port' || failure === 'no_descriptor' ? 'R' : 'S'),
  connect_timeout: 's',
  no_backend: 'S',
  backends_full: 'S',
  read_timeout: 's',
  write_timeout: ({ clientStuck }) => (clientStuck ? 'c' : 's'),
  idle_timeout: 'c',
  half_close_timeout: (ending) => (waitedForClient(ending) ? 'c' : 's'),
  first_byte_timeout: 'c',
  session_timeout: 'P',
  turn_limit: 'P',
  drained: 'K',
  killed: 'K',
  shutdown: 'K',
  no_memory: 'R',
  rebalanced: 'K',
};

/** One side had ended: it was the other one that said nothing. One that takes no more may still speak, and did not. */
function waitedForClient({ clientEndedFirst, backendEndedFirst }: Ending): boolean {
  return backendEndedFirst === 'fin' || clientEndedFirst === 'rst';
}

export function terminationCode(ending: Ending): string {
  if (ending.reason === 'finished') return '--';
  const entry = WHO[ending.reason];
  const who = typeof entry === 'string' ? entry : entry(ending);
  return who + phase(who, ending);
}

/** Queue, connecting, data, or the last of it: the backend had ended and the client had not. */
function phase(who: Who, { reason, waitedMs, backendEnded }: Ending): 'Q' | 'C' | 'D' | 'L' {
  if (reason === 'backends_full') return 'Q';
  if (waitedMs === undefined) return 'C';
  return backendEnded && who !== 'S' && who !== 's' ? 'L' : 'D';
}
