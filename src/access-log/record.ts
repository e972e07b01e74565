// A session that has ended, for people and programs: by names instead of numbers, flat, with the unit in every name. The
// same object is a line of the access log and what a program is handed; docs/access-log.md describes it field by field.

import type { CloseReason, ConnectFailure, EndedSession } from '../engine/engine.ts';
import { terminationCode } from './codes.ts';

/** Times are milliseconds with three decimals; null where there is nothing to tell. */
export interface SessionRecord {
  /** When it ended, ISO 8601 in UTC. */
  readonly time: string;
  readonly accepted: string;
  /** Numeric address and port; IPv4 even where it came in over an IPv6 socket. */
  readonly client: string;
  readonly listener: string;
  /** The address and port that the client connected to. */
  readonly local: string | null;
  readonly pool: string;
  /** `host:port` as configured: who served it, or was tried last. */
  readonly backend: string | null;
  /** Two letters as in HAProxy's log. */
  readonly code: string;
  readonly reason: CloseReason;
  /** Who ended first, and how; for `balancer` how the client was told. */
  readonly closed_by: 'client' | 'backend' | 'both' | 'balancer';
  readonly closed_how: 'fin' | 'rst';
  readonly duration_ms: number;
  /** From accept until a backend was connected, all attempts included. */
  readonly wait_ms: number | null;
  /** The handshake with the backend that served; null for a connection made in advance as well. */
  readonly connect_ms: number | null;
  /** From accept to the first byte from the client, and from the backend. */
  readonly client_byte_ms: number | null;
  readonly backend_byte_ms: number | null;
  readonly turns: number;
  /** Time that answers took, from the first byte of a question to the first of its answer: all turns, and the longest. */
  readonly turns_ms: number;
  readonly longest_turn_ms: number;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  /** Backends that were dialled: 1 without a retry, 0 when there was none to dial. */
  readonly attempts: number;
  /** Of the last connect that failed. */
  readonly connect_failure: ConnectFailure | null;
  /** It began on a connection that was made in advance. */
  readonly warm: boolean;
  readonly client_rtt_ms: number | null;
  readonly client_rtt_variance_ms: number | null;
  readonly client_retransmits: number | null;
  readonly backend_rtt_ms: number | null;
  readonly backend_rtt_variance_ms: number | null;
  readonly backend_retransmits: number | null;
  readonly worker: number;
}

/** Who is behind the engine's numbers. */
export interface Names {
  listenerName(slot: number): string | undefined;
  poolName(slot: number): string | undefined;
  backendName(slot: number): { readonly pool: string; readonly backend: string } | undefined;
}

export function sessionRecord(session: EndedSession, names: Names): SessionRecord {
  const { clientTcp, backendTcp } = session;
  const backend = session.backend === undefined ? undefined : names.backendName(session.backend);
  return {
    time: iso(session.endedAtMs),
    accepted: iso(session.endedAtMs - session.durationMs),
    client: address(session.client, session.clientPort),
    listener: names.listenerName(session.listener) ?? '',
    local: session.local === '' ? null : address(session.local, session.localPort),
    pool: backend?.pool ?? names.poolName(session.pool) ?? '',
    backend: backend?.backend ?? null,
    code: terminationCode(session),
    reason: session.reason,
    closed_by: closedBy(session),
    closed_how: closedHow(session),
    duration_ms: micro(session.durationMs),
    wait_ms: maybe(session.waitedMs),
    connect_ms: maybe(session.handshakeMs),
    client_byte_ms: maybe(session.clientByteMs),
    backend_byte_ms: maybe(session.backendByteMs),
    turns: session.turns,
    turns_ms: micro(session.turnsMs),
    longest_turn_ms: micro(session.longestTurnMs),
    to_backend_bytes: session.toBackendBytes,
    to_client_bytes: session.toClientBytes,
    attempts: session.attempts,
    connect_failure: session.failure ?? null,
    warm: session.warm,
    client_rtt_ms: maybe(clientTcp.rttMs),
    client_rtt_variance_ms: maybe(clientTcp.rttVarianceMs),
    client_retransmits: clientTcp.retransmits ?? null,
    backend_rtt_ms: maybe(backendTcp.rttMs),
    backend_rtt_variance_ms: maybe(backendTcp.rttVarianceMs),
    backend_retransmits: backendTcp.retransmits ?? null,
    worker: session.worker,
  };
}

function closedBy({ clientEndedFirst, backendEndedFirst }: EndedSession): SessionRecord['closed_by'] {
  if (clientEndedFirst === undefined) return backendEndedFirst === undefined ? 'balancer' : 'backend';
  return backendEndedFirst === undefined ? 'client' : 'both';
}

function closedHow({ clientEndedFirst, backendEndedFirst, reset }: EndedSession): 'fin' | 'rst' {
  if (clientEndedFirst === undefined && backendEndedFirst === undefined) return reset ? 'rst' : 'fin';
  return clientEndedFirst === 'rst' || backendEndedFirst === 'rst' ? 'rst' : 'fin';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function micro(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function maybe(ms: number | undefined): number | null {
  return ms === undefined ? null : micro(ms);
}
