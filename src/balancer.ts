// The orchestrator: start, reload, drain, stop, and the order of everything in them. It owns no protocol, no policy and
// no byte: it asks config, names, health and the compiler, and tells the engine. All parts are handed in.
//
// Start:    names -> metrics and admin servers -> engine.apply (binds) -> probes
// Reload:   read -> names -> new metrics and admin servers -> engine.apply -> probes, names; what fails undoes the rest
// Shutdown: not ready -> (delay) -> probes and names end -> engine.drain -> drained -> engine.stop -> stopped -> metrics

import { type Compiler, createCompiler } from './balance/compile.ts';
import type { Config, PrometheusSettings } from './config/config.ts';
import type { ConfigIssue } from './config/issue.ts';
import type { LoadResult } from './config/load.ts';
import { leave, type Leaving } from './drain/leave.ts';
import type { Discovery, DiscoveryEvent, NameState } from './discovery/dns.ts';
import type { Engine, EngineEvent, Recording, Snapshot } from './engine/engine.ts';
import { describeError } from './errors.ts';
import type { BackendHealth, Monitor, Transition } from './health/health.ts';
import { latch } from './latch.ts';
import type { Opened } from './opened.ts';
import { hosts, poolsToProbe } from './pools.ts';
import { buildSnapshot, type Overrides } from './snapshot/build.ts';
import { forgetGone } from './snapshot/forget.ts';
import { createSlots, type Slots } from './snapshot/slots.ts';
import { tellAccepting, tellName, tellTransition } from './tell.ts';

export interface BalancerLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** A server for metrics and readiness: listening since it was made. */
export interface MetricsServer {
  close(): Promise<void>;
}

export interface BalancerParts {
  readonly createEngine: (onEvents: (events: readonly EngineEvent[]) => void) => Engine;
  readonly maxWorkers: number;
  readonly cpus: readonly number[];
  readonly createDiscovery: (first: Config, onEvent: (event: DiscoveryEvent) => void) => Discovery;
  readonly createMonitor: (onTransition: (transition: Transition) => void) => Monitor;
  /** Rejects with a Node-shaped error when it can't listen. Absent: no metrics. */
  readonly serveMetrics?: (settings: PrometheusSettings) => Promise<MetricsServer>;
  /** Opens what else a config wants served, beside what is open. Rejects when it can't, and has opened nothing then. */
  readonly openAlso?: (wanted: Config) => Promise<Opened>;
  /** Reads the config again; absent where there is no file. */
  readonly reload?: () => LoadResult;
  readonly tellIssues?: (issues: readonly ConfigIssue[]) => string;
  /** Which sessions are recorded; `collect` takes all records that there are, before names are forgotten. */
  readonly records?: { wanted(config: Config): Recording | undefined; collect(): void };
  /** Another config has come into force. */
  readonly onApplied?: (before: Config, after: Config) => void;
  readonly log: BalancerLog;
  /** How to cut a drain short, for the log. */
  readonly hurryHint?: string;
  /** Asked anew for each config that is tried, since a changed file may have the last word. */
  readonly overrides?: (wanted: Config) => Overrides;
}

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

export interface Balancer {
  /** Serves when it resolves with ok. */
  start(): Promise<Outcome>;
  /** Takes the file as it is now, or leaves everything as it was. Asked again meanwhile, it looks once more. */
  reload(): Promise<Outcome>;
  /** Takes this config, or leaves everything as it was. */
  apply(config: Config): Promise<Outcome>;
  /** Takes what is made of the config in force once it is this one's turn; the same one changes nothing. */
  change(make: (config: Config) => Config): Promise<Outcome>;
  /** Runs this in its turn, while no other config is tried; refused when it does not serve. */
  exclusively<T>(attempt: () => Promise<T>): Promise<T | { readonly ok: false; readonly message: string }>;
  /** No new sessions, after `drain.delay` unless told; resolves when the process may end. Again: all end at once. */
  end(options?: { readonly delay: boolean }): Promise<void>;
  readonly slots: Slots;
  config(): Config;
  engine(): Engine;
  health(): readonly BackendHealth[];
  /** Names that backends are configured by. */
  names(): readonly NameState[];
  /** Rebuilds and applies the snapshot soon: something that it is made of has changed. */
  touch(): void;
  state(): BalancerState;
  /** The last that was applied. */
  snapshot(): Snapshot | undefined;
}

export interface BalancerState {
  /** In force with every worker. */
  readonly generation: number;
  readonly reloadFailures: number;
  readonly ready: boolean;
  readonly phase: 'starting' | 'serving' | 'draining' | 'stopped';
  /** While draining. */
  readonly leaving?: Leaving | undefined;
}

/** Changes of health and names within this time become one snapshot. */
const SETTLE_MS = 5;
/** How long a reload waits for workers to take it before it is reported as done. */
const SWAP_MS = 1000;

export function createBalancer(first: Config, parts: BalancerParts): Balancer {
  const { log } = parts;
  const slots = createSlots();
  const compiler: Compiler = createCompiler();
  let config = first;
  let generation = 0;
  /** The lowest that a worker runs. */
  let inForce = 0;
  const waitingForWorkers: (() => void)[] = [];
  let reloadFailures = 0;
  let phase: BalancerState['phase'] = 'starting';
  let metrics: MetricsServer | undefined;
  let settling: NodeJS.Timeout | undefined;
  let reloading: Promise<Outcome> | undefined;
  let reloadAgain = false;
  /** Ends when all that were asked for before have been tried. */
  let turn: Promise<unknown> = Promise.resolve();
  let ending: Promise<void> | undefined;
  let applied: Snapshot | undefined;
  let leaving: Leaving | undefined;
  const [hurried, hurry] = latch();
  const [drained, resolveDrained] = latch();
  const [stopped, resolveStopped] = latch();
  // New sessions come: a drain may begin with a delay.
  const follows = (): boolean => phase === 'serving' || leaving?.stage === 'delay';
  const engine = parts.createEngine(onEvents);
  const monitor = parts.createMonitor(onTransition);
  const names = parts.createDiscovery(first, onName);

  function onEvents(events: readonly EngineEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'applied':
          inForce = event.generation;
          for (const wake of waitingForWorkers.splice(0)) wake();
          break;
        case 'backend-failing': {
          const who = slots.backendName(event.backend);
          if (who !== undefined && follows()) monitor.passiveFailure(who.pool, who.backend, event.failures);
          break;
        }
        case 'accept-paused':
        case 'accept-resumed':
          tellAccepting(event, slots.listenerName, log);
          break;
        case 'drained':
          resolveDrained();
          break;
        case 'stopped':
          resolveStopped();
          break;
        default: {
          const unreachable: never = event;
          throw new TypeError(`no such event: ${JSON.stringify(unreachable)}`);
        }
      }
    }
  }

  function onTransition(t: Transition): void {
    tellTransition(t, log);
    touch();
  }

  function onName(event: DiscoveryEvent): void {
    tellName(event, log);
    if (event.type === 'changed') touch();
  }

  function snapshotOf(wanted: Config): Snapshot {
    return buildSnapshot({
      config: wanted,
      generation: generation + 1,
      maxWorkers: parts.maxWorkers,
      slots,
      compiler,
      seen: { address: names.addressOf, isUp: monitor.isUp, cpus: parts.cpus },
      recording: parts.records?.wanted(wanted),
      ...(parts.overrides === undefined ? {} : { overrides: parts.overrides(wanted) }),
    });
  }

  function applyNow(wanted: Config): void {
    const snapshot = snapshotOf(wanted);
    engine.apply(snapshot);
    applied = snapshot;
    generation += 1;
  }

  /** Until every worker runs the last snapshot, or one of them stands still: nobody waits for that. */
  async function swapped(): Promise<void> {
    const wanted = generation;
    const deadline = Date.now() + SWAP_MS;
    while (inForce < wanted && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        waitingForWorkers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Health, names or an operator have changed something: many such changes make one snapshot. */
  function touch(): void {
    if (!follows() || settling !== undefined) return;
    settling = setTimeout(() => {
      settling = undefined;
      if (!follows()) return;
      try {
        monitor.update(poolsToProbe(config, names.addressOf));
        applyNow(config);
      } catch (error) {
        log.error(`the change cannot be applied: ${describeError(error)}`);
      }
    }, SETTLE_MS);
  }

  async function openMetrics(wanted: Config): Promise<MetricsServer | undefined> {
    const settings = wanted.monitoring.prometheus;
    return settings.enabled ? await parts.serveMetrics?.(settings) : undefined;
  }

  async function start(): Promise<Outcome> {
    await names.resolveAll(hosts(config), config.dns.timeout);
    let also: Opened | undefined;
    try {
      metrics = await openMetrics(config);
      also = await parts.openAlso?.(config);
      monitor.update(poolsToProbe(config, names.addressOf));
      applyNow(config);
    } catch (error) {
      await metrics?.close();
      await also?.discard();
      abandon();
      return { ok: false, message: describeError(error) };
    }
    phase = 'serving';
    also?.keep();
    names.follow(hosts(config), config.dns);
    return { ok: true };
  }

  /** A start that failed leaves nothing behind. */
  function abandon(): void {
    phase = 'stopped';
    monitor.stop();
    names.stop();
    engine.stop();
  }

  async function takeOver(wanted: Config): Promise<Outcome> {
    if (phase !== 'serving') return { ok: false, message: 'it is not serving' };
    await names.resolveAll(hosts(wanted), wanted.dns.timeout);
    const before = config;
    const sameMetrics =
      JSON.stringify(wanted.monitoring.prometheus) === JSON.stringify(config.monitoring.prometheus);
    let fresh: MetricsServer | undefined;
    let also: Opened | undefined;
    try {
      if (!sameMetrics) fresh = await openMetrics(wanted);
      also = await parts.openAlso?.(wanted);
      if (phase !== 'serving') throw new Error('it has begun to leave');
      monitor.update(poolsToProbe(wanted, names.addressOf));
      applyNow(wanted);
      config = wanted;
      await swapped();
    } catch (error) {
      monitor.update(poolsToProbe(config, names.addressOf));
      await fresh?.close();
      await also?.discard();
      return { ok: false, message: describeError(error) };
    }
    names.follow(hosts(wanted), wanted.dns);
    forgetGone(slots, config, engine.read(), () => parts.records?.collect());
    parts.onApplied?.(before, wanted);
    also?.keep();
    if (!sameMetrics) {
      const old = metrics;
      metrics = fresh;
      void old?.close();
    }
    return { ok: true };
  }

  async function reloadOnce(): Promise<Outcome> {
    const loaded = parts.reload?.();
    if (loaded === undefined) return { ok: false, message: 'there is no file to reload' };
    if (!loaded.ok)
      return { ok: false, message: parts.tellIssues?.(loaded.issues) ?? 'the config has errors' };
    return takeOver(loaded.config);
  }

  function settled(outcome: Outcome, what: string, isReload: boolean): Outcome {
    if (outcome.ok) {
      log.info(`${what} is in force`, { event: 'reloaded', generation });
    } else {
      if (isReload) reloadFailures += 1;
      log.error(`${what} is refused, what ran before runs on: ${outcome.message}`, {
        event: 'reload-refused',
      });
    }
    return outcome;
  }

  function reload(): Promise<Outcome> {
    if (reloading !== undefined) {
      reloadAgain = true;
      return reloading;
    }
    const run = async (): Promise<Outcome> => {
      let outcome: Outcome;
      do {
        reloadAgain = false;
        outcome = settled(await inTurn(reloadOnce), 'the new config', true);
      } while (reloadAgain);
      return outcome;
    };
    reloading = run().finally(() => (reloading = undefined));
    return reloading;
  }

  /** One config at a time is tried. */
  function inTurn<T>(attempt: () => Promise<T>): Promise<T> {
    const done = turn.then(attempt);
    turn = done.catch(() => undefined);
    return done;
  }

  function change(make: (config: Config) => Config): Promise<Outcome> {
    return inTurn(async () => {
      const wanted = make(config);
      return wanted === config ? { ok: true } : settled(await takeOver(wanted), 'the change', false);
    });
  }

  function quiet(): void {
    monitor.stop();
    names.stop();
    clearTimeout(settling);
  }

  async function endOnce(delay: boolean): Promise<void> {
    const wasServing = phase === 'serving';
    phase = 'draining';
    if (wasServing) {
      await leave({
        engine,
        settings: delay ? config.drain : { ...config.drain, delay: 0 },
        log,
        hurried,
        drained,
        onQuiet: quiet,
        tell: (now) => (leaving = now),
        hint: parts.hurryHint,
      });
    } else quiet();
    engine.stop();
    await stopped;
    phase = 'stopped';
    await metrics?.close();
  }

  function end({ delay } = { delay: true }): Promise<void> {
    if (ending !== undefined) hurry();
    return (ending ??= endOnce(delay));
  }

  void hurried.then(() => engine.stop());
  // A second end() stops the engine, which never tells `drained`: being stopped implies it.
  void stopped.then(() => resolveDrained());

  return {
    start,
    reload,
    apply: (wanted) => inTurn(async () => settled(await takeOver(wanted), 'the new config', true)),
    change,
    exclusively: (attempt) =>
      inTurn(async () => (phase === 'serving' ? attempt() : { ok: false, message: 'it is not serving' })),
    end,
    slots,
    config: () => config,
    engine: () => engine,
    health: () => monitor.list(),
    names: () => names.list(),
    touch,
    state: () => ({ generation: inForce, reloadFailures, ready: phase === 'serving', phase, leaving }),
    snapshot: () => applied,
  };
}
