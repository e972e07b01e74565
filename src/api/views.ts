// What the admin interface answers, as types: plain data, spelled as in the API and the config: snake_case, times in
// seconds, counts as numbers (exact up to 2^53). Shared by those who make it and those who show it, in Node and in a
// browser, so it imports nothing.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type Hold = 'drain' | 'maintenance';

export interface DrainView {
  readonly since_seconds: number;
  readonly sessions_at_start: number;
  /** Null where there is no deadline. */
  readonly ends_in_seconds: number | null;
  readonly rate: 'even' | number;
  readonly order: 'idle' | 'oldest';
  /** Nobody is left. */
  readonly done: boolean;
}

/** The process drains. */
export interface LeavingView {
  /** `delay`: new sessions are still accepted. */
  readonly stage: 'delay' | 'draining';
  readonly since_seconds: number;
  readonly sessions_at_start: number;
  readonly sessions: number;
  /** Of this stage; null where there is no deadline. */
  readonly ends_in_seconds: number | null;
}

export interface ListenerView {
  readonly name: string;
  readonly listen: readonly string[];
  readonly pool: string;
  /** 0 is no limit. */
  readonly max_connections: number;
  /** Open now. */
  readonly sessions: number;
  readonly accepted: number;
  /** By close reason; those that are 0 are left out. */
  readonly closed: Readonly<Record<string, number>>;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  readonly spliced_bytes: number;
  readonly turns: number;
  /** How long turns took: counts between the bounds of the state, the last one beyond them. */
  readonly turn_buckets: readonly number[];
  /** Of `closed`, those that were errors. */
  readonly errors: number;
  readonly accept_pauses: number;
  /** Null when it accepts. */
  readonly hold: 'drain' | null;
  readonly drain: DrainView | null;
}

export interface BackendView {
  /** `host:port` as configured. */
  readonly backend: string;
  /** False for one that was removed and still has sessions. */
  readonly configured: boolean;
  readonly up: boolean;
  /** How the last probe ended. */
  readonly code: string;
  readonly detail: string;
  /** How long it has been up or down. */
  readonly for_seconds: number;
  /** Null when it is not held back. */
  readonly hold: Hold | null;
  /** Null when nothing is drained there. */
  readonly drain: DrainView | null;
  /** In force. */
  readonly weight: number;
  readonly configured_weight: number;
  readonly backup: boolean;
  /** 0 is no limit. */
  readonly max_connections: number;
  /** Open now. */
  readonly sessions: number;
  readonly sessions_opened: number;
  /** By reason; those that are 0 are left out. */
  readonly connect_failures: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  /** Since the start; null before the first. */
  readonly mean_turn_seconds: number | null;
  readonly turn_buckets: readonly number[];
  readonly mean_connect_seconds: number | null;
}

export interface PoolView {
  readonly name: string;
  readonly algorithm: string;
  readonly backends: readonly BackendView[];
}

export interface WorkerView {
  readonly worker: number;
  readonly sessions: number;
  readonly accepted: number;
  readonly loops: number;
  readonly events: number;
  readonly pipes_open: number;
  readonly buffer_bytes: number;
}

export interface StateView {
  readonly version: string;
  readonly pid: number;
  readonly uptime_seconds: number;
  /** When counters were read, by a clock that is never set: for rates between two answers. */
  readonly clock_seconds: number;
  readonly phase: string;
  readonly ready: boolean;
  /** Why it is not ready, or what is wrong though it is. */
  readonly reasons: readonly string[];
  /** Null while it does not leave. */
  readonly leaving: LeavingView | null;
  readonly generation: number;
  readonly reload_failures: number;
  readonly log_level: LogLevel;
  /** Upper bounds of the first buckets of turns. */
  readonly turn_bounds_seconds: readonly number[];
  readonly listeners: readonly ListenerView[];
  readonly pools: readonly PoolView[];
  readonly workers: readonly WorkerView[];
}

export interface SessionView {
  /** Names it for as long as it lives. */
  readonly id: string;
  /** Its address, without a port. */
  readonly client: string;
  readonly listener: string;
  /** Empty while there is none. */
  readonly pool: string;
  readonly backend: string;
  readonly worker: number;
  readonly age_seconds: number;
  readonly idle_seconds: number;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  readonly turns: number;
}

export interface SessionList {
  readonly sessions: readonly SessionView[];
  /** Whether there may be more. */
  readonly truncated: boolean;
}

/** Something that happened, as it was logged. */
export interface AdminEvent {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  /** What kind of thing, where it has a name: `backend-down`, `reloaded`, … */
  readonly event: string;
  readonly message: string;
  readonly fields: object;
}

/** A backend as somebody at a desk would call it. */
export type BackendState = 'up' | 'down' | 'drain' | 'maintenance';

/** Whom the letters of samples are about, in order. */
export interface RosterView {
  readonly id: number;
  readonly backends: readonly { readonly pool: string; readonly backend: string }[];
  /** Backends beyond the bound, of whom samples tell nothing. */
  readonly left_out: number;
}

/** What happened since the sample before; gauges are of its end. */
export interface SampleView {
  /** Goes up by one. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How long it really was. */
  readonly seconds: number;
  /** Open now. */
  readonly sessions: number;
  readonly accepted: number;
  readonly to_backend_bytes: number;
  readonly to_client_bytes: number;
  /** By close reason; those that are 0 are left out. */
  readonly closed: Readonly<Record<string, number>>;
  readonly errors: number;
  readonly connect_failures: number;
  /** Zeros at the end are left out. */
  readonly turn_buckets: readonly number[];
  readonly roster: number;
  /** A letter per backend of the roster: u up, d down, r draining, m maintenance. */
  readonly states: string;
  readonly worker_sessions: readonly number[];
  readonly worker_accepted: readonly number[];
}

export interface SeriesView {
  /** Another one means another process: sequence numbers begin anew. */
  readonly run: string;
  readonly every_seconds: number;
  /** How far back samples are kept. */
  readonly kept_seconds: number;
  readonly turn_bounds_seconds: readonly number[];
  readonly rosters: readonly RosterView[];
  readonly samples: readonly SampleView[];
}
