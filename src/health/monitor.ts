// All checks of all pools: who is watched, with which settings, and what became of it. Checks that are alike are done
// once for all pools that ask for them. Tells transitions; what follows from them is decided elsewhere.

import { type Awake, createAwake } from './awake.ts';
import { type Check, createCheck } from './check.ts';
import { createGate } from './gate.ts';
import type {
  BackendHealth,
  HealthCheckSettings,
  HealthCode,
  MonitoredBackend,
  MonitoredPool,
  Monitor,
  Transition,
} from './health.ts';
import { type Probes, createProbes } from './probes.ts';
import { initialState } from './state.ts';
import { type Time, systemTime } from './time.ts';

export interface MonitorOptions {
  /** Called from within `update` as well, when what it says changes whether a backend serves. */
  readonly onTransition: (transition: Transition) => void;
  /** A probe could not be asked for reasons of our own; the first of several in a row. */
  readonly onInconclusive?: (event: Omit<Transition, 'up'>) => void;
  /** Known from elsewhere to be down when its check begins: probes have to bring it up. */
  readonly isDown?: (pool: string, backend: string) => boolean;
  /** Stops the monitor. */
  readonly signal?: AbortSignal;
  readonly time?: Time;
  /** 0 (included) to 1 (excluded). */
  readonly random?: () => number;
  /** Made from `time` and `awake` when absent. */
  readonly probes?: Probes;
  readonly awake?: Awake;
}

/** Probes at once: as many descriptors. */
const MAX_PROBES = 128;
/** Programs at once: each costs a process. */
const MAX_COMMANDS = 16;
/** First probes are spread over an interval, but nobody waits longer than this for his. */
const MAX_SPREAD_MS = 1000;

/** One backend of one pool. */
interface Watched {
  readonly pool: string;
  readonly backend: MonitoredBackend;
  /** Undefined where checks are off. */
  readonly check: Check | undefined;
  /** What was last told, when that changed (monotonic), and how often. */
  up: boolean;
  since: number;
  transitions: number;
}

/** A check that is wanted, and by whom. */
interface Wanted {
  readonly settings: HealthCheckSettings;
  readonly askers: { readonly pool: string; readonly backend: MonitoredBackend }[];
}

export function createMonitor(options: MonitorOptions): Monitor {
  const { time = systemTime, random = Math.random } = options;
  const awake = options.awake ?? createAwake(time);
  const probes = options.probes ?? createProbes({ time, awake });
  const socketGate = createGate(MAX_PROBES);
  const commandGate = createGate(MAX_COMMANDS);
  const checks = new Map<string, Check>();
  let watched = new Map<string, Watched>();
  let watchers = new Map<Check, Watched[]>();
  /** What the last update dropped: one that takes it back finds everything as it was. */
  let dropped = new Map<string, Watched>();
  let stopped = false;

  function update(pools: readonly MonitoredPool[]): void {
    if (stopped) return;
    const wanted = wantedChecks(pools);
    for (const [id, check] of [...checks]) {
      if (wanted.has(id)) continue;
      check.stop();
      checks.delete(id);
    }
    probes.keepModules(modulesOf(pools));
    openChecks(wanted);
    const now = time.now();
    const before = watched;
    const beforeThat = dropped;
    watched = new Map();
    watchers = new Map();
    for (const pool of pools) {
      const kind = kindOf(pool.health_checks);
      for (const backend of pool.backends) {
        const name = nameOf(pool.name, backend.key);
        const check = pool.health_checks.enabled ? checks.get(checkId(kind, backend)) : undefined;
        const known = before.get(name) ?? beforeThat.get(name);
        const { up, since, transitions } = known ?? {
          up: stateOf(backend, check),
          since: now,
          transitions: 0,
        };
        const entry: Watched = { pool: pool.name, backend, check, up, since, transitions };
        watched.set(name, entry);
        if (check !== undefined) watchers.set(check, [...(watchers.get(check) ?? []), entry]);
      }
    }
    dropped = new Map([...before].filter(([name]) => !watched.has(name)));
    publish([...watched.values()]);
  }

  function openChecks(wanted: ReadonlyMap<string, Wanted>): void {
    const fresh = [...wanted.keys()].filter((id) => !checks.has(id)).length;
    let opened = 0;
    for (const [id, { settings, askers }] of wanted) {
      const backend = (askers[0] as Wanted['askers'][number]).backend;
      const known = checks.get(id);
      if (known !== undefined) {
        known.retarget(backend.address);
        continue;
      }
      const check = createCheck({
        settings,
        host: backend.host,
        port: backend.port,
        address: backend.address,
        initial: initialOf(askers),
        firstDelayMs: (Math.min(settings.interval, MAX_SPREAD_MS) * opened) / fresh,
        probe: probes.probeFor(settings),
        gate: runsPrograms(settings) ? commandGate : socketGate,
        time,
        awake,
        random,
        onChange: () => publish(watchers.get(check) ?? []),
        onInconclusive: ({ code, detail }) => {
          for (const { pool, backend: asker } of watchers.get(check) ?? []) {
            options.onInconclusive?.({ pool, backend: asker.key, code, detail });
          }
        },
      });
      checks.set(id, check);
      opened += 1;
    }
  }

  /** What is known of the first asker that is known; else it serves, unless its name has not resolved yet. */
  function initialOf(askers: Wanted['askers']): ReturnType<typeof initialState> {
    for (const { pool, backend } of askers) {
      const name = nameOf(pool, backend.key);
      const known = (watched.get(name) ?? dropped.get(name))?.check;
      if (known !== undefined) return known.state();
    }
    const down = askers.some(({ pool, backend }) => options.isDown?.(pool, backend.key) === true);
    return initialState(!down && askers.every(({ backend }) => backend.address !== undefined));
  }

  /** Tells what has changed since it was last told. */
  function publish(entries: readonly Watched[]): void {
    for (const entry of entries) {
      const up = stateOf(entry.backend, entry.check);
      if (up === entry.up) continue;
      entry.up = up;
      entry.since = time.now();
      entry.transitions += 1;
      const { code, detail } = wordsOf(entry);
      options.onTransition({ pool: entry.pool, backend: entry.backend.key, up, code, detail });
    }
  }

  function describe(entry: Watched, now: number): BackendHealth {
    const state = entry.check?.state();
    const counts = entry.check?.counts();
    return {
      pool: entry.pool,
      backend: entry.backend.key,
      up: entry.up,
      ...wordsOf(entry),
      lastDurationMs: counts?.lastDurationMs,
      lastAgeMs: counts?.lastAt === undefined ? undefined : now - counts.lastAt,
      forMs: now - entry.since,
      rising: state?.rising ?? 0,
      falling: state?.falling ?? 0,
      probes: counts?.probes ?? 0,
      failures: counts?.failures ?? 0,
      inconclusive: counts?.inconclusive ?? 0,
      transitions: entry.transitions,
    };
  }

  function stop(): void {
    if (stopped) return;
    stopped = true;
    options.signal?.removeEventListener('abort', stop);
    socketGate.close();
    commandGate.close();
    for (const check of checks.values()) check.stop();
    checks.clear();
    probes.close();
  }

  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted === true) stop();

  return {
    update,
    passiveFailure(pool, backend, failures) {
      if (!stopped) watched.get(nameOf(pool, backend))?.check?.suspect(failures);
    },
    isUp: (pool, backend) => watched.get(nameOf(pool, backend))?.up ?? false,
    list() {
      const now = time.now();
      return [...watched.values()].map((entry) => describe(entry, now));
    },
    stop,
  };
}

/** No name holds a NUL. */
function nameOf(pool: string, backend: string): string {
  return `${pool}\0${backend}`;
}

function stateOf(backend: MonitoredBackend, check: Check | undefined): boolean {
  return backend.address !== undefined && (check === undefined || check.state().up);
}

function wordsOf({ backend, check }: Watched): { code: HealthCode; detail: string } {
  if (backend.address === undefined) return { code: 'DNS', detail: 'its name does not resolve' };
  if (check === undefined) return { code: 'OFF', detail: '' };
  const { code, detail } = check.state();
  return { code, detail };
}

function wantedChecks(pools: readonly MonitoredPool[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const { name, health_checks: settings, backends } of pools) {
    if (!settings.enabled) continue;
    const kind = kindOf(settings);
    for (const backend of backends) {
      const id = checkId(kind, backend);
      const known = wanted.get(id) ?? { settings, askers: [] };
      known.askers.push({ pool: name, backend });
      wanted.set(id, known);
    }
  }
  return wanted;
}

function runsPrograms({ check_type, command }: HealthCheckSettings): boolean {
  return check_type === 'custom' && command !== undefined && command.length > 0;
}

function modulesOf(pools: readonly MonitoredPool[]): Set<string> {
  const files = new Set<string>();
  for (const { health_checks: settings } of pools) {
    if (settings.enabled && settings.check_type === 'custom' && settings.module) files.add(settings.module);
  }
  return files;
}

/** Equal for checks that may be done once. One name has one address at a time, so that the name is enough. */
function checkId(kind: string, { host, port }: MonitoredBackend): string {
  return `${host} ${port} ${kind}`;
}

/** Equal for settings under which two checks of one backend are alike. */
function kindOf(settings: HealthCheckSettings): string {
  return JSON.stringify([
    settings.check_type,
    settings.interval,
    settings.timeout,
    settings.unhealthy_threshold,
    settings.healthy_threshold,
    settings.path,
    settings.expected_status,
    settings.host,
    settings.port,
    settings.jitter,
    settings.fast_interval,
    settings.command,
    settings.module,
    settings.cache,
  ]);
}
