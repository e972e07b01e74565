// Small integers that stand for listeners, pools and backends at the boundary. The same thing keeps its number over
// reloads, so that its counters and sessions stay its own; a number is never given to another thing.

export interface NamedListener {
  readonly slot: number;
  readonly name: string;
}

export interface NamedBackend {
  readonly slot: number;
  readonly pool: string;
  /** host:port as configured. */
  readonly backend: string;
}

export interface Slots {
  listener(name: string): number;
  pool(name: string): number;
  backend(pool: string, key: string): number;
  /** Who is behind a number, as long as it is known. */
  listenerName(slot: number): string | undefined;
  backendName(slot: number): NamedBackend | undefined;
  listeners(): readonly NamedListener[];
  backends(): readonly NamedBackend[];
  /** Forgets what neither the config names nor the engine still reports. */
  keepOnly(listeners: ReadonlySet<number>, backends: ReadonlySet<number>): void;
}

export function createSlots(): Slots {
  let next = 1;
  const pools = new Map<string, number>();
  const listeners = new Map<string, NamedListener>();
  const backends = new Map<string, NamedBackend>();

  function take<T>(map: Map<string, T>, key: string, make: (slot: number) => T): T {
    let entry = map.get(key);
    if (entry === undefined) {
      entry = make(next++);
      map.set(key, entry);
    }
    return entry;
  }
  const backendKey = (pool: string, key: string): string => JSON.stringify([pool, key]);

  return {
    listener: (name) => take(listeners, name, (slot) => ({ slot, name })).slot,
    pool: (name) => take(pools, name, (slot) => slot),
    backend: (pool, key) =>
      take(backends, backendKey(pool, key), (slot) => ({ slot, pool, backend: key })).slot,
    listenerName: (slot) => [...listeners.values()].find((entry) => entry.slot === slot)?.name,
    backendName: (slot) => [...backends.values()].find((entry) => entry.slot === slot),
    listeners: () => [...listeners.values()],
    backends: () => [...backends.values()],
    keepOnly(keptListeners, keptBackends) {
      for (const [key, entry] of listeners) if (!keptListeners.has(entry.slot)) listeners.delete(key);
      for (const [key, entry] of backends) if (!keptBackends.has(entry.slot)) backends.delete(key);
    },
  };
}
