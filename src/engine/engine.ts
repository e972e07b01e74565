// The contract between the control plane and whatever relays bytes.
//
// Everything here is plain data. A Snapshot is complete: what it does not name ends (listeners) or takes no new
// sessions (backends). Times are milliseconds, sizes bytes, 0 means "off" or "no limit" wherever that can be.
// This file must not import anything of ours: engines implement it, the balancer drives it, tests fake it.

/** One numeric address. Names never reach the engine. */
export interface SocketAddress {
  /** IPv4 or IPv6 in its usual text form, no brackets. */
  readonly host: string;
  readonly port: number;
}

/** TCP options of one side. The kernel's own default stays where a field is 0, '' or false. */
export interface SocketOptions {
  readonly noDelay: boolean;
  /** Re-armed after every read, since the kernel forgets it. */
  readonly quickAck: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveIdleMs: number;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveCount: number;
  readonly userTimeoutMs: number;
  /** Listeners only: accept when the first bytes are there, or after this long. */
  readonly deferAcceptMs: number;
  /** Listeners: queue length of TCP Fast Open. Backends: any value above 0 asks for it on connect. */
  readonly fastOpen: number;
  readonly receiveBuffer: number;
  readonly sendBuffer: number;
  /** Congestion control algorithm by name. */
  readonly congestion: string;
}

export interface Timeouts {
  readonly connectMs: number;
  readonly readMs: number;
  readonly writeMs: number;
  readonly idleMs: number;
  readonly halfCloseMs: number;
  readonly firstByteMs: number;
  readonly sessionMs: number;
  /** Percent of sessionMs by which a session's age limit varies, so that they do not end together. */
  readonly sessionJitter: number;
}

export type SpliceMode = 'off' | 'auto' | 'on';

export interface ListenerSpec {
  /** Small integer that stays the same over reloads; counters belong to it. */
  readonly slot: number;
  readonly name: string;
  readonly addresses: readonly SocketAddress[];
  /** Slot of the pool that serves it. */
  readonly pool: number;
  readonly backlog: number;
  readonly maxConnections: number;
  readonly retries: number;
  /** Turns after which a session is closed at an idle moment. */
  readonly maxTurns: number;
  readonly bufferSize: number;
  readonly maxBufferSize: number;
  readonly splice: SpliceMode;
  readonly pipeSize: number;
  readonly timeouts: Timeouts;
  readonly options: SocketOptions;
}

export interface BackendSpec {
  readonly slot: number;
  readonly address: SocketAddress;
  readonly weight: number;
  readonly maxConnections: number;
}

export type PlanKind = 'sequence' | 'random' | 'two' | 'least' | 'hash' | 'ewma';

/**
 * A compiled policy. `members` and `table` hold indexes into the pool's `backends`.
 * members: who may be picked now, in config order. table: sequence, random, two: one cycle in weighted order;
 * hash: the Maglev table over every configured backend, the ones that are not members are passed over;
 * least, ewma: empty.
 */
export interface Plan {
  readonly kind: PlanKind;
  readonly members: readonly number[];
  readonly table: Uint16Array;
}

export interface PoolSpec {
  readonly slot: number;
  readonly name: string;
  readonly backends: readonly BackendSpec[];
  readonly plan: Plan;
  readonly options: SocketOptions;
  /** Connect failures in a row after which a `backend-failing` event is sent; 0 never. */
  readonly failureThreshold: number;
  /** Fresh connections kept ready per backend, over all workers. */
  readonly preconnect: { readonly min: number; readonly max: number; readonly timeoutMs: number };
}

/** Which of the sessions that end are recorded. */
export interface Recording {
  /** So many of a million, drawn for each by itself. */
  readonly perMillion: number;
  /** Indexes into CLOSE_REASONS. */
  readonly reasons: readonly number[];
}

export interface Snapshot {
  readonly generation: number;
  readonly workers: number;
  /** CPU of each worker, empty for none; shorter lists are used round and round. */
  readonly cpus: readonly number[];
  readonly listeners: readonly ListenerSpec[];
  readonly pools: readonly PoolSpec[];
  /** Absent: none are. */
  readonly recording?: Recording | undefined;
}

/** Who ended a session, and how. The order is the one of native/proxy/close_reason.h; a contract test compares. */
export const CLOSE_REASONS = [
  'finished',
  'client_reset',
  'backend_reset',
  'client_lost',
  'backend_lost',
  'connect_failed',
  'connect_timeout',
  'no_backend',
  'backends_full',
  'read_timeout',
  'write_timeout',
  'idle_timeout',
  'half_close_timeout',
  'first_byte_timeout',
  'session_timeout',
  'turn_limit',
  'drained',
  'killed',
  'shutdown',
  'no_memory',
  'rebalanced',
] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** Why a connect failed. The order is the one of native/proxy/close_reason.h. */
export const CONNECT_FAILURES = [
  'refused',
  'timeout',
  'unreachable',
  'no_local_port',
  'no_descriptor',
  'other',
] as const;
export type ConnectFailure = (typeof CONNECT_FAILURES)[number];

export type EngineEvent =
  | { readonly type: 'applied'; readonly generation: number }
  | { readonly type: 'backend-failing'; readonly backend: number; readonly failures: number }
  | {
      readonly type: 'accept-paused';
      readonly listener: number;
      readonly worker: number;
      readonly cause: string;
    }
  | { readonly type: 'accept-resumed'; readonly worker: number }
  | { readonly type: 'drained' }
  | { readonly type: 'stopped' };

/** Counters of one listener, summed over workers. All are cumulative but `active`. */
export interface ListenerCounters {
  readonly slot: number;
  readonly active: bigint;
  readonly accepted: bigint;
  readonly closed: readonly bigint[];
  readonly toBackendBytes: bigint;
  readonly toClientBytes: bigint;
  readonly splicedBytes: bigint;
  readonly copiedBytes: bigint;
  readonly turns: bigint;
  readonly acceptPauses: bigint;
  readonly acceptErrors: bigint;
  /** Turn latency: counts per bucket (the last is +Inf) and the sum in nanoseconds. */
  readonly turnBuckets: readonly bigint[];
  readonly turnSumNs: bigint;
}

export interface BackendCounters {
  readonly slot: number;
  readonly active: bigint;
  readonly sessions: bigint;
  readonly connects: bigint;
  readonly failures: readonly bigint[];
  readonly retries: bigint;
  readonly toBackendBytes: bigint;
  readonly toClientBytes: bigint;
  readonly warm: bigint;
  readonly warmUsed: bigint;
  readonly warmStale: bigint;
  readonly turns: bigint;
  /** Ended by a drain, or to rebalance. */
  readonly drained: bigint;
  readonly rebalanced: bigint;
  readonly turnBuckets: readonly bigint[];
  readonly turnSumNs: bigint;
  readonly connectBuckets: readonly bigint[];
  readonly connectSumNs: bigint;
}

export interface WorkerCounters {
  readonly accepted: bigint;
  readonly loops: bigint;
  readonly events: bigint;
  readonly staleEvents: bigint;
  readonly sessions: bigint;
  readonly pipesOpen: bigint;
  readonly pipesBorrowed: bigint;
  readonly pipeFailures: bigint;
  readonly lowWaterRelays: bigint;
  readonly lowWaterStalls: bigint;
  readonly bufferBytes: bigint;
  /** Of ended sessions, left for the control plane; and those that it was too late for. */
  readonly records: bigint;
  readonly recordsDropped: bigint;
}

export interface Counters {
  /** Events that did not fit between data plane and control plane. */
  readonly eventsDropped: bigint;
  /** The lowest generation that a worker still runs. */
  readonly generation: number;
  readonly listeners: readonly ListenerCounters[];
  readonly backends: readonly BackendCounters[];
  readonly workers: readonly WorkerCounters[];
}

export interface SessionInfo {
  readonly id: bigint;
  readonly worker: number;
  readonly listener: number;
  /** -1 while there is none. */
  readonly backend: number;
  readonly client: string;
  readonly ageMs: number;
  readonly idleMs: number;
  readonly toBackendBytes: bigint;
  readonly toClientBytes: bigint;
  readonly turns: number;
}

/** How sessions are ended before a deadline; with neither a rate nor `even` none of them are. */
export interface ShedPace {
  /** `idle`: only at an idle moment, the longest silent first; `oldest`: whatever they are doing. Within a worker. */
  readonly first: 'idle' | 'oldest';
  /** Sessions per second over all workers, at most. */
  readonly rate: number;
  /** Instead: spread over the time until the deadline. */
  readonly even: boolean;
  /** Silence that makes an idle moment: no byte moved, no answer owed, none waiting. */
  readonly idleMs: number;
}

/**
 * Sessions of a listener or of a backend to be ended. Takes the place of the order before for the same slot; with neither
 * a pace nor a deadline that one is taken back.
 */
export interface ShedOrder extends ShedPace {
  readonly scope: 'listener' | 'backend';
  readonly slot: number;
  /** Ended before the deadline at most. */
  readonly most: number;
  /** From now; then all that are left are ended. */
  readonly deadlineMs: number;
  /** From now; then it is forgotten, and those that are left stay. */
  readonly lifetimeMs: number;
  readonly reason: 'drained' | 'rebalanced';
}

/** What the kernel has measured on one side, at the end. Milliseconds; undefined where nothing was measured. */
export interface TcpFacts {
  readonly rttMs: number | undefined;
  readonly rttVarianceMs: number | undefined;
  /** Segments, over the connection's whole life. */
  readonly retransmits: number | undefined;
}

/** What is recorded of a session that has ended. Times are from its accept unless they say otherwise. */
export interface EndedSession {
  readonly worker: number;
  readonly listener: number;
  readonly pool: number;
  /** Slot of the one that served it, or that was tried last; undefined where there was none. */
  readonly backend: number | undefined;
  readonly client: string;
  readonly clientPort: number;
  /** The address that the client connected to; '' where the kernel no longer knows. */
  readonly local: string;
  readonly localPort: number;
  readonly reason: CloseReason;
  /** Of the last connect that failed. */
  readonly failure: ConnectFailure | undefined;
  /** Backends that were dialled. */
  readonly attempts: number;
  readonly warm: boolean;
  /** Who had ended when first a side had, and how. */
  readonly clientEndedFirst: 'fin' | 'rst' | undefined;
  readonly backendEndedFirst: 'fin' | 'rst' | undefined;
  /** The client was sent RST, or sent one. */
  readonly reset: boolean;
  /** The backend's FIN had been read. */
  readonly backendEnded: boolean;
  /** Bytes waited for that side. */
  readonly clientStuck: boolean;
  readonly backendStuck: boolean;
  /** Since 1970. */
  readonly endedAtMs: number;
  readonly durationMs: number;
  /** Until a backend was connected; undefined where none was. */
  readonly waitedMs: number | undefined;
  /** Of the connect that succeeded; undefined for a warm connection. */
  readonly handshakeMs: number | undefined;
  /** First byte from that side. */
  readonly clientByteMs: number | undefined;
  readonly backendByteMs: number | undefined;
  readonly turns: number;
  /** All turns together, and the longest. */
  readonly turnsMs: number;
  readonly longestTurnMs: number;
  readonly toBackendBytes: number;
  readonly toClientBytes: number;
  readonly clientTcp: TcpFacts;
  readonly backendTcp: TcpFacts;
}

/** What runs sessions. Implementations: native.ts (the addon) and net.ts (node:net, slow and portable). */
export interface Engine {
  /** All or nothing: throws a Node-shaped error (code, syscall, address, port) and the old snapshot stays. */
  apply(snapshot: Snapshot): void;
  read(): Counters;
  /**
   * Stop accepting; sessions may finish until the deadline (Infinity: none), then they are ended, and before it at the
   * pace. `drained` follows.
   */
  drain(deadlineMs: number, pace?: ShedPace): void;
  /** Goes on by itself, whatever becomes of this thread. Does nothing where that listener or backend is no more. */
  shed(order: ShedOrder): void;
  /** End everything now; `stopped` follows. Harmless when repeated. */
  stop(): void;
  /** At most `limit` sessions, for people to look at. */
  sessions(limit: number): readonly SessionInfo[];
  /** At most `limit` records (1 to 100,000) of sessions that have ended since; each is told once. */
  takeEnded(limit: number): readonly EndedSession[];
  /** Ends one session, told by the two numbers of its SessionInfo. */
  kill(worker: number, id: bigint): void;
  /** Upper bounds of the latency buckets in seconds, without +Inf. */
  readonly latencyBounds: readonly number[];
}

/** An engine whose listening sockets can come from another process, and go to one. The binding (binding.ts) says how. */
export interface NativeEngine extends Engine {
  adopt(descriptor: number): Place;
  setOwner(user: number, group: number): void;
  offer(): readonly (Place & { readonly fd: number })[];
  letGo(addresses: readonly Place[]): void;
  steerAgain(): void;
}

interface Place {
  readonly host: string;
  readonly port: number;
}
