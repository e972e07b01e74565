// The addon, function by function, and the only place that says what crosses the boundary. Every call is made from the
// thread of the environment that loaded it, and returns at once; only `sessions` waits, at most 0.2 s.

import type { Counters, EngineEvent, SessionInfo, ShedOrder, ShedPace, Snapshot } from './engine.ts';

/** One data plane. Opaque; made by create() and told apart by a type tag. */
export interface CoreHandle {
  readonly __core: never;
}

/** Records of ended sessions: numbers row after row, and for each record the client's address and the local one. */
export interface RecordBatch {
  readonly values: Float64Array;
  readonly addresses: readonly string[];
}

export interface Binding {
  /** Changes whenever this file does in a way that old binaries do not fit. */
  readonly abi: number;
  readonly closeReasons: readonly string[];
  readonly connectFailures: readonly string[];
  readonly maxWorkers: number;
  /** Upper bounds of latency buckets, seconds. */
  readonly latencyBounds: readonly number[];
  /** What the numbers of a record are, in their order. */
  readonly recordColumns: readonly string[];
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
  /** At most `limit` records (1 to 100,000) of sessions that have ended since; each is told once. */
  records(core: CoreHandle, limit: number): RecordBatch;
  /** Ends one session, if it is still there. */
  kill(core: CoreHandle, worker: number, id: bigint): void;
  /**
   * Takes a listening TCP socket, the data plane's from then on, for the first snapshot that wants its address; what that
   * one does not want is closed. Those of one address in the order in which they were offered. EINVAL for anything else.
   */
  adopt(core: CoreHandle, descriptor: number): HostPort;
  /** Whose listening sockets are: the kernel lets only one user's share an address. */
  setOwner(core: CoreHandle, user: number, group: number): void;
  /** Duplicates of the listening sockets, the caller's to close. EAGAIN while one is still to retire. */
  offer(core: CoreHandle): OfferedSocket[];
  /** Another process serves these addresses: their sockets are closed here, with what waits in them. */
  letGo(core: CoreHandle, addresses: readonly HostPort[]): void;
  /** Takes back what another process may have said about who of a group gets new connections. */
  steerAgain(core: CoreHandle): void;
  /** Calls that have nothing to do with a data plane. */
  readonly process: ProcessCalls;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface OfferedSocket extends HostPort {
  readonly fd: number;
}

/** System calls that Node has no function for. None waits; failures are Node-shaped errors. */
export interface ProcessCalls {
  /** Two connected Unix sockets, closed at exec. */
  pair(): [number, number];
  /** Returns how many bytes went: 0 when it would wait. The descriptors (at most 253) go with the first of them. */
  send(socket: number, bytes: Buffer, descriptors: readonly number[]): number;
  /** What has come; no bytes when it would wait. Descriptors are the caller's. */
  receive(
    socket: number,
    most: number,
  ): { readonly bytes: Buffer; readonly descriptors: readonly number[]; readonly ended: boolean };
  /** Who made the other end. */
  peer(socket: number): { readonly pid: number; readonly user: number };
  duplicate(descriptor: number): number;
  /** Not those of stdin, stdout and stderr. */
  close(descriptor: number): void;
  /** One datagram to a Unix socket; a path that begins with @ is abstract. */
  tell(path: string, text: string): void;
  /** Undefined when it is no listening TCP socket. */
  listensOn(descriptor: number): HostPort | undefined;
  /** Of a name or a number. ENOENT for a name that is not there; a number need not be, and has no name then. */
  account(user: string): { readonly user: number; readonly group: number; readonly name: string };
  group(name: string): number;
  /** For every thread and for good. The calling one keeps the right to bind low ports if asked to. */
  become(user: number, group: number, name: string, keepLowPorts: boolean): void;
  /** No program that is executed from now on gives privileges. */
  gainNothing(): void;
  /** Whether programs started from now on may bind low ports as this process may. True when that is a change. */
  passLowPorts(on: boolean): boolean;
}

export const BINDING_ABI = 4;
