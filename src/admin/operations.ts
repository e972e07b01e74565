// What can be asked of a running balancer and done to it: the contract between the admin interface, which knows HTTP,
// and whoever runs the balancer, which knows none. Plain data, spelled as in the API and the config: snake_case, times
// in seconds, counts as numbers (exact up to 2^53).

import type { AdminEvent, Hold, LogLevel, SeriesView, SessionList, StateView } from '../api/views.ts';

export type {
  AdminEvent,
  BackendView,
  DrainView,
  Hold,
  LeavingView,
  ListenerView,
  PoolView,
  SampleView,
  SeriesView,
  SessionList,
  SessionView,
  StateView,
  WorkerView,
} from '../api/views.ts';

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

/** How a drain ends open sessions. */
export interface DrainOptions {
  /** Seconds, then all that are left are ended; 0 is no limit. */
  readonly timeout: number;
  /** Sessions ended per second before that; `even` spreads them over the time; 0 ends none. */
  readonly rate: 'even' | number;
  readonly order: 'idle' | 'oldest';
  /** Seconds of silence that make an idle moment. */
  readonly idle: number;
}

export interface NewBackend {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly max_connections: number;
  readonly backup: boolean;
}

/** Only sessions that have all that is named here. */
export interface SessionFilter {
  readonly listener?: string | undefined;
  readonly pool?: string | undefined;
  readonly backend?: string | undefined;
  readonly client?: string | undefined;
}

/** Names of pools and backends are as in the config. Nothing here throws for what can be expected. */
export interface Operations {
  state(): StateView;
  /** Samples after that one; asking is what keeps them coming. */
  series(after: number): SeriesView;
  sessions(filter: SessionFilter, limit: number): SessionList;
  /** Ends one session, if it is still there; `invalid` for what cannot be an id. */
  kill(id: string): Answer;
  reload(): Promise<Answer<{ readonly generation: number }>>;
  setWeight(pool: string, backend: string, weight: number): Answer;
  /** `drain`: no new sessions, open ones as `drain` says. `maintenance`: open ones are ended at once. */
  hold(pool: string, backend: string, hold: Hold, drain?: DrainOptions): Answer;
  /** Serves again. */
  release(pool: string, backend: string): Answer;
  /** Until the next reload of the file, which has the last word. */
  add(pool: string, backend: NewBackend): Promise<Answer>;
  /** Open sessions may finish. */
  remove(pool: string, backend: string): Promise<Answer>;
  /** Accepts nobody any more; open sessions as `drain` says. */
  drainListener(listener: string, drain?: DrainOptions): Promise<Answer>;
  /** Accepts again; refused where it cannot listen. */
  releaseListener(listener: string): Promise<Answer>;
  setLogLevel(level: LogLevel): void;
  /** Calls back for everything that happens; the answer ends that. */
  listen(listener: (event: AdminEvent) => void): () => void;
}
