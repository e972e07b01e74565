// The parts of an embedded balancer, made for one another: the orchestrator of the command line with health functions,
// computed weights and run-time changes around it, and every event of theirs told as one kind of event.

import { type Balancer as Core, type BalancerLog, createBalancer as createCore } from '../balancer.ts';
import type { Config } from '../config/config.ts';
import { type ConfigIssue, formatIssues } from '../config/issue.ts';
import type { LoadResult } from '../config/load.ts';
import { createDiscovery } from '../discovery/dns.ts';
import { createSystemSources } from '../discovery/sources.ts';
import type { Binding } from '../engine/binding.ts';
import type { EngineEvent } from '../engine/engine.ts';
import { createDrainKeeper } from '../drain/keeper.ts';
import { createNativeEngine } from '../engine/native.ts';
import { createAwake } from '../health/awake.ts';
import type { Monitor, Transition } from '../health/health.ts';
import { createMonitor } from '../health/monitor.ts';
import { createProbes } from '../health/probes.ts';
import { systemTime } from '../health/time.ts';
import { allowedCpus } from '../host.ts';
import { createOverrideStore, type OverrideStore } from '../overrides.ts';
import { backendKey } from '../snapshot/build.ts';
import { createFunctionChecks, type HealthFunctions } from './checks.ts';
import type { Emitter } from './events.ts';
import { createSessionFeed, type SessionFeed, type SessionListener } from './sessions.ts';
import { serveMetrics } from './metrics.ts';
import { refusal, type Result } from './result.ts';
import { createWeighing, type Effective } from './views.ts';
import { type ComputedWeights, createComputedWeights, type WeightRules } from './weights.ts';

export interface AssembleOptions {
  readonly first: Config;
  readonly binding: Binding;
  readonly log: BalancerLog;
  readonly emit: Emitter['emit'];
  readonly healthChecks: HealthFunctions;
  readonly weights: WeightRules;
  readonly onSession?: SessionListener | undefined;
}

export interface Assembled {
  readonly core: Core;
  readonly store: OverrideStore;
  readonly weights: ComputedWeights;
  /** Starts and ends with the balancer. */
  readonly sessions: SessionFeed;
  /** What is in force instead of what the config says. */
  effective(): Effective;
  /** Takes the config that is read then, or leaves everything as it was. */
  reload(source: () => LoadResult): Promise<Result>;
}

export function assemble({ first, binding, log, emit, ...options }: AssembleOptions): Assembled {
  let source: () => LoadResult = () => ({ ok: false, issues: [] });
  let issues: readonly ConfigIssue[] = [];
  const awake = createAwake(systemTime);
  const checks = createFunctionChecks({
    functions: options.healthChecks,
    inner: createProbes({ time: systemTime, awake }),
    awake,
    now: systemTime.now,
  });
  const store = createOverrideStore({ config: () => core.config(), touch: () => core.touch() });
  const weights = createComputedWeights({
    rules: options.weights,
    backends: createWeighing(() => core),
    touch: () => core.touch(),
    complain: (message) => log.warn(message),
    time: systemTime,
  });

  const sessions = createSessionFeed({
    listener: options.onSession,
    engine: () => core.engine(),
    names: () => core.slots,
    complain: (message) => log.error(message),
  });
  const keeper = createDrainKeeper({ core: () => core, store, log, time: systemTime });

  function onEngine(events: readonly EngineEvent[]): void {
    keeper.onEvents(events);
    for (const event of events) {
      if (event.type === 'stopped') keeper.close();
      else if (event.type === 'accept-resumed') emit(event);
      else if (event.type === 'accept-paused')
        emit({ ...event, listener: core.slots.listenerName(event.listener) ?? '' });
    }
  }

  function monitor(onTransition: (transition: Transition) => void): Monitor {
    const made = createMonitor({
      time: systemTime,
      awake,
      probes: checks.probes,
      onTransition: (transition) => {
        onTransition(transition);
        const { pool, backend, code, detail } = transition;
        emit({ type: transition.up ? 'backend-up' : 'backend-down', pool, backend, code, detail });
      },
      onInconclusive: ({ pool, backend, code, detail }) =>
        log.warn(
          `backend ${backend} of pool ${pool} cannot be probed, for reasons of our own (${code}: ${detail})`,
        ),
    });
    return checks.withFunctions(made);
  }

  const core: Core = createCore(first, {
    createEngine: (onEvents) =>
      createNativeEngine(binding, (events) => {
        onEvents(events);
        onEngine(events);
      }),
    maxWorkers: binding.maxWorkers,
    cpus: allowedCpus(),
    createDiscovery: (config, onEvent) =>
      createDiscovery({ settings: config.dns, sources: createSystemSources(), time: systemTime, onEvent }),
    createMonitor: monitor,
    serveMetrics: (settings) => serveMetrics(settings, core, sessions.counts),
    reload: () => {
      const loaded = source();
      issues = loaded.ok ? [] : loaded.issues;
      tellWarnings(log, loaded);
      return loaded;
    },
    records: sessions,
    tellIssues: formatIssues,
    log,
    onApplied: keeper.onConfig,
    overrides: (wanted) => {
      const changed = store.for(wanted);
      return {
        weight: (pool, backend) => changed.weight(pool, backend) ?? weights.weight(pool, backend),
        isHeld: changed.isHeld,
        isListenerHeld: keeper.holds.isHeld,
      };
    },
  });

  return {
    core,
    store,
    weights,
    sessions,
    effective() {
      const changed = store.for(core.config());
      return {
        weight(pool, backend) {
          const key = backendKey(backend);
          return changed.weight(pool, key) ?? weights.weight(pool, key) ?? backend.weight;
        },
        changes: store.list(),
      };
    },
    async reload(from) {
      source = from;
      issues = [];
      const outcome = await core.reload();
      return outcome.ok ? outcome : refusal(outcome.message, issues);
    },
  };
}

export function tellWarnings(log: BalancerLog, loaded: LoadResult): void {
  if (loaded.ok && loaded.warnings.length > 0) log.warn(formatIssues(loaded.warnings, 'warning: ').trimEnd());
}
