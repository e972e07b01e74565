// The addon, function by function, and the only place that says what crosses the boundary. Every call is made from the
// thread of the environment that loaded it, and returns at once; only `sessions` waits, at most 0.2 s.

import type { Counters, EngineEvent, SessionInfo, ShedOrder, ShedPace, Snapshot } from './engine.ts';

/** One data plane. Opaque; made by create() and told apart by a type tag. */
export interface CoreHandle {
  readonly __core: never;
}

export interface Binding {
  /** Changes whenever this file does in a way that old binaries do not fit. */
  readonly abi: number;
  readonly closeReasons: readonly string[];
  readonly connectFailures: readonly string[];
  readonly maxWorkers: number;
  /** Upper bounds of latency buckets, seconds. */
  readonly latencyBounds: readonly number[];
  /** onEvents is called with batches, on this thread, for as long as the data plane runs; it keeps the process alive. */
  create(onEvents: (events: EngineEvent[]) => void): CoreHandle;
  /**
   * All or nothing. Throws TypeError (ERR_INVALID_ARG_TYPE) for a snapshot that makes no sense, a Node-shaped system
   * error when an address can't be listened on or a thread can't be started, ECANCELED after drain or stop.
   */
  apply(core: CoreHandle, snapshot: Snapshot): void;
  /** Adds counters up. */
  read(core: CoreHandle): Counters;
  /** `drained` follows when the last session has ended, by itself, as the pace says, or at the deadline. */
  drain(core: CoreHandle, deadlineMs: number, pace?: ShedPace): void;
  /** Ends sessions as the order says. TypeError for one that makes no sense. */
  shed(core: CoreHandle, order: ShedOrder): void;
  /** `stopped` follows, once. Harmless when repeated. */
  stop(core: CoreHandle): void;
  /** At most `limit` sessions (1 to 1,000,000). */
  sessions(core: CoreHandle, limit: number): SessionInfo[];
  /** Ends one session, if it is still there. */
  kill(core: CoreHandle, worker: number, id: bigint): void;
}

export const BINDING_ABI = 2;
