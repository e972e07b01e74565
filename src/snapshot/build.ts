// From what the user wrote and what is known of the world to what the data plane is told: pure, so that every question
// about the control plane is "config in, observations in, snapshot out". Knows no engine, no clock, no network.

import type { Compiler } from '../balance/compile.ts';
import type { Config, Listener, Pool } from '../config/config.ts';
import type {
  BackendSpec,
  ListenerSpec,
  PoolSpec,
  Recording,
  Snapshot,
  SocketOptions,
  Timeouts,
} from '../engine/engine.ts';
import type { Slots } from './slots.ts';

/** What is known of the world. */
export interface Observations {
  /** The numeric address of a host, undefined while it does not resolve. */
  address(host: string): string | undefined;
  isUp(pool: string, backend: string): boolean;
  /** CPUs that this process may run on. */
  readonly cpus: readonly number[];
}

/** What an operator has changed at run time: wins over the file until the file changes that very field. */
export interface Overrides {
  weight(pool: string, backend: string): number | undefined;
  /** Takes no new sessions. */
  isHeld(pool: string, backend: string): boolean;
  /** Accepts nobody. */
  isListenerHeld(listener: string): boolean;
}

export const NO_OVERRIDES: Overrides = {
  weight: () => undefined,
  isHeld: () => false,
  isListenerHeld: () => false,
};

export function backendKey(backend: { readonly host: string; readonly port: number }): string {
  return backend.host.includes(':') ? `[${backend.host}]:${backend.port}` : `${backend.host}:${backend.port}`;
}

export function workerCount(config: Config, cpus: readonly number[], most: number): number {
  const wanted = config.workers === 'auto' ? cpus.length : config.workers;
  return Math.max(1, Math.min(wanted, most));
}

function socketOptions(
  settings: Listener['connection_settings'] | Pool['connection_settings'],
  side: 'client' | 'backend',
): SocketOptions {
  return {
    noDelay: settings.tcp_nodelay,
    quickAck: settings.tcp_quickack,
    keepAlive: settings.keep_alive,
    keepAliveIdleMs: settings.keep_alive_timeout,
    keepAliveIntervalMs: settings.keep_alive_interval,
    keepAliveCount: settings.keep_alive_count,
    userTimeoutMs: settings.tcp_user_timeout,
    deferAcceptMs: side === 'client' && 'tcp_defer_accept' in settings ? settings.tcp_defer_accept : 0,
    fastOpen: settings.tcp_fastopen,
    receiveBuffer: settings.receive_buffer,
    sendBuffer: settings.send_buffer,
    congestion: settings.congestion_control,
  };
}

function timeoutsOf(listener: Listener): Timeouts {
  const t = listener.timeouts;
  return {
    connectMs: t.connect,
    readMs: t.read,
    writeMs: t.write,
    idleMs: t.keepalive,
    halfCloseMs: t.half_close,
    firstByteMs: t.first_byte,
    sessionMs: t.session,
    sessionJitter: t.session_jitter,
  };
}

function listenerSpec(listener: Listener, slots: Slots, overrides: Overrides): ListenerSpec {
  return {
    slot: slots.listener(listener.name),
    name: listener.name,
    // Without an address it keeps its sessions and its counters, and listens nowhere.
    addresses: overrides.isListenerHeld(listener.name) ? [] : listener.listen,
    pool: slots.pool(listener.pool),
    backlog: listener.backlog,
    maxConnections: listener.max_connections,
    retries: listener.retries,
    maxTurns: listener.connection_settings.max_requests_per_connection,
    bufferSize: listener.buffer_size,
    maxBufferSize: listener.max_buffer_size,
    splice: listener.splice,
    pipeSize: listener.pipe_size,
    timeouts: timeoutsOf(listener),
    options: socketOptions(listener.connection_settings, 'client'),
  };
}

function poolSpec(
  pool: Pool,
  slots: Slots,
  seen: Observations,
  overrides: Overrides,
  compiler: Compiler,
): PoolSpec {
  const backends: BackendSpec[] = [];
  const candidates = [];
  for (const backend of pool.backends) {
    const key = backendKey(backend);
    const host = seen.address(backend.host);
    if (host === undefined) continue; // a name without an address: nobody can be sent there
    const weight = overrides.weight(pool.name, key) ?? backend.weight;
    backends.push({
      slot: slots.backend(pool.name, key),
      address: { host, port: backend.port },
      weight,
      maxConnections: backend.max_connections,
    });
    candidates.push({
      key,
      weight: overrides.isHeld(pool.name, key) ? 0 : weight,
      backup: backend.backup,
      up: seen.isUp(pool.name, key),
    });
  }
  return {
    slot: slots.pool(pool.name),
    name: pool.name,
    backends,
    plan: compiler.compile(pool.algorithm, candidates, pool.panic_threshold),
    options: socketOptions(pool.connection_settings, 'backend'),
    failureThreshold: pool.health_checks.enabled ? pool.health_checks.unhealthy_threshold : 0,
    preconnect: {
      min: pool.connection_pool.min_size,
      max: pool.connection_pool.max_size,
      timeoutMs: pool.connection_pool.timeout,
    },
  };
}

export function buildSnapshot(input: {
  readonly config: Config;
  readonly generation: number;
  readonly maxWorkers: number;
  readonly slots: Slots;
  readonly seen: Observations;
  readonly compiler: Compiler;
  readonly overrides?: Overrides;
  readonly recording?: Recording | undefined;
}): Snapshot {
  const { config, slots, seen, compiler } = input;
  const overrides = input.overrides ?? NO_OVERRIDES;
  const affinity = config.cpu_affinity;
  return {
    generation: input.generation,
    workers: workerCount(config, seen.cpus, input.maxWorkers),
    cpus: affinity === 'off' ? [] : affinity === 'auto' ? seen.cpus : affinity,
    listeners: config.listeners.map((listener) => listenerSpec(listener, slots, overrides)),
    pools: config.pools.map((pool) => poolSpec(pool, slots, seen, overrides, compiler)),
    recording: input.recording,
  };
}
