// Open sessions by name, those that somebody asks for, up to a bound. Reads, changes nothing.

import type { Balancer } from '../balancer.ts';
import type { SessionInfo } from '../engine/engine.ts';
import type { SessionFilter, SessionList, SessionView } from './operations.ts';

/** Looked at where only some are wanted. */
const MOST_SCANNED = 100_000;

export function listSessions(
  balancer: Pick<Balancer, 'engine' | 'slots'>,
  filter: SessionFilter,
  limit: number,
): SessionList {
  const filtered = Object.values(filter).some((wanted) => wanted !== undefined);
  // One more than is wanted says whether there are more.
  const asked = filtered ? MOST_SCANNED : limit + 1;
  const seen = balancer.engine().sessions(asked);
  const listeners = new Map(balancer.slots.listeners().map(({ slot, name }) => [slot, name]));
  const backends = new Map(balancer.slots.backends().map((each) => [each.slot, each]));
  const found = seen
    .map((info): SessionView => {
      const backend = backends.get(info.backend);
      return view(info, listeners.get(info.listener) ?? '', backend?.pool ?? '', backend?.backend ?? '');
    })
    .filter((session) => matches(session, filter));
  return { sessions: found.slice(0, limit), truncated: found.length > limit || seen.length >= asked };
}

function view(info: SessionInfo, listener: string, pool: string, backend: string): SessionView {
  return {
    id: `${info.worker}-${info.id}`,
    client: info.client,
    listener,
    pool,
    backend,
    worker: info.worker,
    age_seconds: info.ageMs / 1000,
    idle_seconds: info.idleMs / 1000,
    to_backend_bytes: Number(info.toBackendBytes),
    to_client_bytes: Number(info.toClientBytes),
    turns: info.turns,
  };
}

function matches(session: SessionView, filter: SessionFilter): boolean {
  return (
    (filter.listener ?? session.listener) === session.listener &&
    (filter.pool ?? session.pool) === session.pool &&
    (filter.backend ?? session.backend) === session.backend &&
    (filter.client ?? session.client) === session.client
  );
}
