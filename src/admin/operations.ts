// What can be asked of a running balancer and done to it: the contract between the admin interface, which knows HTTP,
// and whoever runs the balancer, which knows none. Plain data, spelled as in the API and the config: snake_case, times
// in seconds, counts as numbers (exact up to 2^53).

import type { LogLevel } from '../config/config.ts';

/** Why something was not done. */
export type Refusal = {
  readonly ok: false;
  /**
   * `unknown`: there is no such thing. `invalid`: what was asked for makes no sense. `refused`: it makes sense but cannot
   * be done now, and nothing has changed.
   */
  readonly kind: 'unknown' | 'invalid' | 'refused';
  /** One line or several, for people. */
  readonly message: string;
};

export type Answer<T = object> = ({ readonly ok: true } & T) | Refusal;

export type Hold = 'drain' | 'maintenance';

export interface NewBackend {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly max_connections: number;
  readonly backup: boolean;
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
  readonly accept_pauses: number;
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
  readonly loops: number;
  readonly events: number;
  readonly pipes_open: number;
  readonly buffer_bytes: number;
}

export interface StateView {
  readonly version: string;
  readonly pid: number;
  readonly uptime_seconds: number;
  readonly phase: string;
  readonly ready: boolean;
  /** Why it is not ready, or what is wrong though it is. */
  readonly reasons: readonly string[];
  readonly generation: number;
  readonly reload_failures: number;
  readonly log_level: LogLevel;
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

/** Only sessions that have all that is named here. */
export interface SessionFilter {
  readonly listener?: string | undefined;
  readonly pool?: string | undefined;
  readonly backend?: string | undefined;
  readonly client?: string | undefined;
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

/** Names of pools and backends are as in the config. Nothing here throws for what can be expected. */
export interface Operations {
  state(): StateView;
  sessions(filter: SessionFilter, limit: number): SessionList;
  /** Ends one session, if it is still there; `invalid` for what cannot be an id. */
  kill(id: string): Answer;
  reload(): Promise<Answer<{ readonly generation: number }>>;
  setWeight(pool: string, backend: string, weight: number): Answer;
  /** `drain`: no new sessions. `maintenance`: open ones are ended as well. */
  hold(pool: string, backend: string, hold: Hold): Answer;
  /** Serves again. */
  release(pool: string, backend: string): Answer;
  /** Until the next reload of the file, which has the last word. */
  add(pool: string, backend: NewBackend): Promise<Answer>;
  /** Open sessions may finish. */
  remove(pool: string, backend: string): Promise<Answer>;
  setLogLevel(level: LogLevel): void;
  /** Calls back for everything that happens; the answer ends that. */
  listen(listener: (event: AdminEvent) => void): () => void;
}
