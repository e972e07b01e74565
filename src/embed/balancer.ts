// A balancer as part of another program: the same orchestrator, data plane and health as on the command line, put
// together without signals, log files or exit codes. Everything that may be expected to fail answers with a value.
// Several can run in one process: nothing here is shared between them.

import type { SessionRecord } from '../access-log/record.ts';
import type { BalancerLog } from '../balancer.ts';
import type { Config } from '../config/config.ts';
import { diffConfigs } from '../config/diff.ts';
import { formatIssues } from '../config/issue.ts';
import type { LoadResult } from '../config/load.ts';
import { loadBinding } from '../engine/load.ts';
import type { HoldMode, OverrideStore } from '../overrides.ts';
import { type Assembled, assemble, tellWarnings } from './assemble.ts';
import type { HealthFunctions } from './checks.ts';
import { type BalancerListener, createEmitter, type EventType } from './events.ts';
import { type ConfigInput, loadInput } from './input.ts';
import { refusal, type Result } from './result.ts';
import {
  countersOf,
  type EmbeddedState,
  NO_COUNTERS,
  NO_STATE,
  type NamedCounters,
  type Phase,
  stateOf,
} from './views.ts';
import { type FileWatch, watchFile } from './watch.ts';
import type { WeightRules } from './weights.ts';

export interface BalancerOptions {
  /** Where log lines go; nowhere when absent. `console` will do. `log` of the config is for the command line. */
  readonly log?: BalancerLog;
  /** Functions that say whether a backend is healthy, by pool. */
  readonly healthChecks?: HealthFunctions;
  /** Functions that say how much a backend gets, by pool. */
  readonly weights?: WeightRules;
  /**
   * Called with a record of each session that has ended, some moments later; `log.access.sample` and
   * `log.access.errors_only` of the config say of which. What it cannot keep up with is dropped and counted.
   */
  readonly onSession?: (session: SessionRecord) => void;
  /** Reload when what the file says changes; only where the config is a file. */
  readonly watch?: boolean;
}

export interface Balancer {
  /** Listens, and serves when it resolves with ok. May be called again after it has failed. */
  start(): Promise<Result>;
  /** Takes this config, or leaves everything as it was. */
  apply(config: ConfigInput): Promise<Result>;
  /** Reads the file again; refused where there is none. */
  reload(): Promise<Result>;
  /** No new sessions; resolves when the open ones have ended, after `drain.timeout` by force. */
  drain(): Promise<void>;
  /** The same as `drain`. */
  end(): Promise<void>;
  /** Ends everything now, a drain too. */
  stop(): Promise<void>;
  /** Returns the way to stop listening. */
  on<T extends EventType>(type: T, listener: BalancerListener<T>): () => void;
  state(): EmbeddedState;
  counters(): NamedCounters;
  /** From 0 (takes no new sessions) to 65,535. Stays until a new config changes the weight of this backend. */
  setWeight(pool: string, backend: string, weight: number): Result;
  /** Back to what is computed or configured. */
  resetWeight(pool: string, backend: string): Result;
  /** Takes no new sessions; `maintenance` ends the open ones as well. `drain` unless told. */
  hold(pool: string, backend: string, mode?: HoldMode): Result;
  release(pool: string, backend: string): Result;
}

const SILENT: BalancerLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A name is that of a file. Nothing happens, and nothing is read, before `start`. */
export function createBalancer(input: ConfigInput | string, options: BalancerOptions = {}): Balancer {
  const log = options.log ?? SILENT;
  const emitter = createEmitter((error, type) =>
    log.error(`a listener of '${type}' throws: ${String(error)}`),
  );
  let phase: Phase = 'idle';
  let running: Assembled | undefined;
  let watching: FileWatch | undefined;
  let ending: Promise<void> | undefined;
  /** Changes of the config happen one after the other. */
  let turn: Promise<unknown> = Promise.resolve();

  async function start(): Promise<Result> {
    if (phase !== 'idle') return refusal(`it is ${phase}`);
    const loaded = loadInput(input);
    if (!loaded.ok) return refusal(formatIssues(loaded.issues), loaded.issues);
    const stranger = unknownPool(loaded.config, options);
    if (stranger !== undefined) return refusal(stranger);
    const found = loadBinding();
    if (!found.ok) return refusal(found.message);
    tellWarnings(log, loaded);
    phase = 'starting';
    const made = assemble({
      first: loaded.config,
      binding: found.binding,
      log,
      emit: emitter.emit,
      healthChecks: options.healthChecks ?? {},
      weights: options.weights ?? {},
      onSession: options.onSession,
    });
    running = made;
    const started = await made.core.start();
    if (ending !== undefined) return refusal('it was ended while it started');
    if (!started.ok) {
      phase = 'idle';
      running = undefined;
      return refusal(started.message);
    }
    phase = 'serving';
    made.weights.start();
    made.sessions.start();
    if (options.watch === true && typeof input === 'string') watching = watchFile(input, () => void reload());
    return { ok: true };
  }

  function change(source: () => LoadResult): Promise<Result> {
    const result = turn.then(() => take(source));
    turn = result;
    return result;
  }

  async function take(source: () => LoadResult): Promise<Result> {
    if (running === undefined || phase !== 'serving') return refusal(`it is ${phase}, not serving`);
    const { core, store } = running;
    const before = core.config();
    const outcome = await running.reload(source);
    if (!outcome.ok) {
      emitter.emit({ type: 'reload-refused', message: outcome.message, issues: outcome.issues });
      return outcome;
    }
    const merged = store.settle(core.config());
    const diff = diffConfigs(before, core.config());
    emitter.emit({ type: 'reloaded', generation: core.state().generation, diff, merged });
    return outcome;
  }

  function reload(): Promise<Result> {
    if (typeof input !== 'string') return Promise.resolve(refusal('there is no file to reload'));
    return change(() => loadInput(input));
  }

  function drain(): Promise<void> {
    ending ??= endOnce();
    return ending;
  }

  async function endOnce(): Promise<void> {
    watching?.close();
    running?.weights.stop();
    if (running !== undefined) {
      phase = 'draining';
      // The core is told before anybody else is: whoever listens may ask for more.
      const ended = running.core.end();
      emitter.emit({ type: 'draining' });
      await ended;
      running.sessions.stop();
    }
    phase = 'stopped';
    emitter.emit({ type: 'stopped' });
  }

  function stop(): Promise<void> {
    const ended = drain();
    if (phase === 'draining') void running?.core.end();
    return ended;
  }

  function onStore(ask: (store: OverrideStore) => ReturnType<OverrideStore['release']>): Result {
    if (running === undefined || phase !== 'serving') return refusal(`it is ${phase}, not serving`);
    const outcome = ask(running.store);
    return outcome.ok ? outcome : refusal(outcome.message);
  }

  return {
    start,
    apply: (config) => change(() => loadInput(config)),
    reload,
    drain,
    end: drain,
    stop,
    on: emitter.on,
    state: () =>
      running === undefined ? { phase, ...NO_STATE } : stateOf(running.core, phase, running.effective()),
    counters: () => (running === undefined ? NO_COUNTERS : countersOf(running.core)),
    setWeight: (pool, backend, weight) => onStore((store) => store.setWeight(pool, backend, weight)),
    resetWeight: (pool, backend) => onStore((store) => store.resetWeight(pool, backend)),
    hold: (pool, backend, mode = 'drain') => onStore((store) => store.hold(pool, backend, mode)),
    release: (pool, backend) => onStore((store) => store.release(pool, backend)),
  };
}

/** A function for a pool that is not there is a slip of the pen. */
function unknownPool(
  config: Config,
  { healthChecks = {}, weights = {} }: BalancerOptions,
): string | undefined {
  const known = new Set(config.pools.map((pool) => pool.name));
  for (const [option, byPool] of Object.entries({ healthChecks, weights })) {
    const stranger = Object.keys(byPool).find((pool) => !known.has(pool));
    if (stranger !== undefined) return `${option} names a pool '${stranger}', which the config does not have`;
  }
  return undefined;
}
