// Runs a config in the foreground until a signal ends it: puts the parts together, tells people where it listens, and
// turns signals into verbs. Returns the exit code. Knows every part, and nothing of how any of them works.

import { type AccessLog, createAccessLog } from './access-log/access-log.ts';
import { createBalancerOperations } from './admin/balancer-operations.ts';
import { createAdminKeeper } from './admin/keeper.ts';
import { banner, descriptorNeed, tellDescriptorNeed } from './banner.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import type { Config } from './config/config.ts';
import { diffConfigs, formatDiff, isEmptyDiff } from './config/diff.ts';
import { formatIssues } from './config/issue.ts';
import type { LoadResult } from './config/load.ts';
import { createDiscovery } from './discovery/dns.ts';
import { createSystemSources } from './discovery/sources.ts';
import { createDrainKeeper } from './drain/keeper.ts';
import { watchFile } from './embed/watch.ts';
import type { NativeEngine } from './engine/engine.ts';
import { loadBinding } from './engine/load.ts';
import { createNativeEngine } from './engine/native.ts';
import { enter } from './entry.ts';
import { createMonitor } from './health/monitor.ts';
import { systemTime } from './health/time.ts';
import { allowedCpus, descriptorLimit } from './host.ts';
import { createInbox } from './inbox.ts';
import { createLog, type ProcessLog } from './log.ts';
import { createMetrics, type Metrics } from './metrics/registry.ts';
import { type MetricsServer, startMetricsServer } from './metrics/server.ts';
import { processNotifier, statusOf, toldReload } from './notify.ts';
import { openAll } from './opened.ts';
import { createOverrideStore, formatMerged, type Merged, type OverrideStore } from './overrides.ts';
import { createSuccession } from './succession.ts';

export interface RunOptions {
  readonly config: Config;
  readonly version: string;
  /** Reads the config again, for SIGHUP. */
  readonly reload: () => LoadResult;
  /** From the process that listens at the config's upgrade.socket. */
  readonly takeOver?: boolean;
  /** A file whose changes are reloaded. */
  readonly watch?: string;
  /** A line below the banner. */
  readonly hint?: string;
}

const EXIT_OK = 0;
const EXIT_FAILURE = 1;

/** Said last; the exit code. */
async function fail(log: ProcessLog, message: string): Promise<number> {
  log.fatal(message);
  await log.flush();
  return EXIT_FAILURE;
}

/** One for the process, whichever server shows it: its windows look back over reloads. */
function lastingMetrics(balancer: Balancer, log: ProcessLog, accessLog: AccessLog): Metrics {
  const source = { ...balancer, accessLog: accessLog.counts };
  return { ...createMetrics(source, log), close: () => undefined };
}

function tellMerged(merged: readonly Merged[], log: ProcessLog): void {
  const text = formatMerged(merged).trimEnd();
  if (text !== '') log.info(`of what was changed at run time:\n${text}`, { event: 'overrides-merged' });
}

/** Another config is in force: what that means for the log, and for what was changed at run time. */
function applied(before: Config, after: Config, store: OverrideStore, log: ProcessLog): void {
  const diff = diffConfigs(before, after);
  if (!isEmptyDiff(diff)) log.info(`changed:\n${formatDiff(diff).trimEnd()}`, { event: 'config-changed' });
  tellMerged(store.settle(after), log);
  if (before.user !== after.user || before.group !== after.group) {
    log.warn('user and group stay as they were: another one takes a restart', { event: 'restart-needed' });
  }
  // The very same object where a backend was added or removed at run time: a level set then stays as well.
  if (before.log === after.log) return;
  const taken = log.use(after.log);
  if (!taken.ok) log.warn(taken.message);
}

export async function run(options: RunOptions): Promise<number> {
  const { config, version } = options;
  const log = createLog(config.log);
  const accessLog = createAccessLog({ engine: () => balancer.engine(), names: () => balancer.slots, log });
  const loaded = loadBinding();
  if (!loaded.ok) return fail(log, loaded.message);
  const { binding } = loaded;
  const calls = binding.process;
  const notifier = processNotifier(calls, (message) => log.warn(message));
  const inbox = createInbox({
    reload: (serving) => void toldReload(serving, notifier),
    upgrade: () => void succession.upgrades.start(),
    reopenLogs() {
      log.reopen();
      accessLog.reopen();
    },
    onLeave(why) {
      if (why !== '') log.info(why);
      watch?.close();
      succession.upgrades.close();
      notifier.stopping('draining: open sessions may finish');
    },
  });
  const entered = await enter({
    config,
    calls,
    env: process.env,
    takeOver: options.takeOver ?? false,
    version,
    log,
  });
  if (!entered.ok) return fail(log, entered.message);
  const { entry } = entered;
  const cpus = allowedCpus();
  const need = descriptorNeed(config, cpus, binding.maxWorkers, descriptorLimit());
  if (need !== undefined) log.warn(tellDescriptorNeed(need));
  const store = createOverrideStore({ config: () => balancer.config(), touch: () => balancer.touch() });
  store.restore(entry.overrides);
  const keeper = createDrainKeeper({ core: () => balancer, store, log, time: systemTime });
  let metrics: Metrics | undefined;
  let page: MetricsServer | undefined;
  let engine: NativeEngine | undefined;
  let watch: { close(): void } | undefined;
  const balancer: Balancer = createBalancer(config, {
    createEngine: (onEvents) =>
      (engine = createNativeEngine(binding, (events) => {
        onEvents(events);
        keeper.onEvents(events);
      })),
    maxWorkers: binding.maxWorkers,
    cpus,
    createDiscovery: (first, onEvent) =>
      createDiscovery({ settings: first.dns, sources: createSystemSources(), time: systemTime, onEvent }),
    createMonitor: (onTransition) =>
      createMonitor({
        onTransition,
        onInconclusive: (event) =>
          log.warn(
            `backend ${event.backend} of pool ${event.pool} cannot be probed, for reasons of our own (${event.code}: ${event.detail})`,
          ),
        isDown: entry.isDown,
      }),
    async serveMetrics(settings) {
      metrics ??= lastingMetrics(balancer, log, accessLog);
      const state = (): object => ({ pid: process.pid, ...balancer.state() });
      const listening = entry.inherited.page(settings.host, settings.port);
      return (page = await startMetricsServer(settings, metrics, state, listening));
    },
    openAlso: (wanted) =>
      openAll([
        () => accessLog.open(wanted),
        () => admin.open(wanted.admin),
        () => succession.door.open(wanted.upgrade.socket),
      ]),
    records: accessLog,
    overrides: (wanted) => ({ ...store.for(wanted), isListenerHeld: keeper.holds.isHeld }),
    hurryHint: 'a second signal ends them now',
    reload: options.reload,
    tellIssues: formatIssues,
    onApplied(before, after) {
      applied(before, after, store, log);
      keeper.onConfig(before, after);
    },
    log,
  });
  const admin = createAdminKeeper({
    operations: createBalancerOperations({
      balancer,
      store,
      keeper,
      log,
      version,
      change: (make) => balancer.change(make),
    }),
    version,
    tell: (message) => log.info(message, { event: 'admin' }),
    opening: (where) => ({
      ...entry.opening(),
      descriptor: where.kind === 'tcp' ? entry.inherited.page(where.host, where.port) : undefined,
    }),
  });
  const succession = createSuccession({
    balancer,
    engine: () => engine,
    store,
    admin,
    metrics: () => page,
    calls,
    version,
    opening: entry.opening,
    onHandedOver(pid) {
      notifier.mainPid(pid);
      inbox.leave(`process ${pid} serves now: no new sessions here, open ones may finish`);
    },
    log,
  });
  const installed = engine === undefined ? { ok: true as const } : entry.install(engine);
  const started = installed.ok ? await balancer.start() : installed;
  if (!started.ok) {
    await entry.fail(started.message);
    return fail(log, started.message);
  }
  tellMerged(store.settle(config), log);
  const settled = await entry.settle();
  if (!settled.ok) {
    await entry.fail(settled.message);
    await balancer.end();
    await admin.close();
    await accessLog.close();
    return fail(log, settled.message);
  }
  log.banner(banner(config, cpus, binding.maxWorkers, version) + (options.hint ? `\n  ${options.hint}` : ''));
  notifier.ready(statusOf(config));
  if (options.watch !== undefined) watch = watchFile(options.watch, () => void balancer.reload());
  await inbox.attach(balancer);
  succession.door.close();
  keeper.close();
  await admin.close();
  await accessLog.close();
  log.info('every session has ended');
  notifier.close();
  await log.flush();
  return EXIT_OK;
}
