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
  poolName(slot: number): string | undefined;
  backendName(slot: number): NamedBackend | undefined;
  listeners(): readonly NamedListener[];
  backends(): readonly NamedBackend[];
  /** Forgets what neither the config names nor the engine still reports. */
  keepOnly(listeners: ReadonlySet<number>, backends: ReadonlySet<number>): void;
}

function forget<N extends { readonly slot: number }>(
  entries: Map<string, N>,
  bySlot: Map<number, N>,
  kept: ReadonlySet<number>,
): void {
  for (const [key, { slot }] of entries) {
    if (kept.has(slot)) continue;
    entries.delete(key);
    bySlot.delete(slot);
  }
}

export function createSlots(): Slots {
  let next = 1;
  const pools = new Map<string, number>();
  const listeners = new Map<string, NamedListener>();
  const backends = new Map<string, NamedBackend>();
  const listenerBySlot = new Map<number, NamedListener>();
  const poolBySlot = new Map<number, string>();
  const backendBySlot = new Map<number, NamedBackend>();

  function take<T>(map: Map<string, T>, key: string, make: (slot: number) => T): T {
    let entry = map.get(key);
    if (entry === undefined) {
      entry = make(next++);
      map.set(key, entry);
    }
    return entry;
  }
  /** Remembers who is behind the number as well. */
  function known<N extends { readonly slot: number }>(bySlot: Map<number, N>, entry: N): N {
    bySlot.set(entry.slot, entry);
    return entry;
  }
  const backendKey = (pool: string, key: string): string => JSON.stringify([pool, key]);

  return {
    listener: (name) => take(listeners, name, (slot) => known(listenerBySlot, { slot, name })).slot,
    pool: (name) => take(pools, name, (slot) => (poolBySlot.set(slot, name), slot)),
    backend: (pool, key) =>
      take(backends, backendKey(pool, key), (slot) => known(backendBySlot, { slot, pool, backend: key }))
        .slot,
    listenerName: (slot) => listenerBySlot.get(slot)?.name,
    poolName: (slot) => poolBySlot.get(slot),
    backendName: (slot) => backendBySlot.get(slot),
    listeners: () => [...listeners.values()],
    backends: () => [...backends.values()],
    keepOnly(keptListeners, keptBackends) {
      forget(listeners, listenerBySlot, keptListeners);
      forget(backends, backendBySlot, keptBackends);
    },
  };
}
