// Runs a config in the foreground until a signal ends it: puts the parts together, tells people where it listens, and
// turns signals into verbs. Returns the exit code. Knows every part, and nothing of how any of them works.

import { type AccessLog, createAccessLog } from './access-log/access-log.ts';
import { createBalancerOperations } from './admin/balancer-operations.ts';
import { createAdminKeeper } from './admin/keeper.ts';
import { banner, descriptorNeed, tellDescriptorNeed } from './banner.ts';
import { type Balancer, createBalancer, type Opened } from './balancer.ts';
import type { Config } from './config/config.ts';
import { diffConfigs, formatDiff, isEmptyDiff } from './config/diff.ts';
import { formatIssues } from './config/issue.ts';
import type { LoadResult } from './config/load.ts';
import { createDiscovery } from './discovery/dns.ts';
import { createSystemSources } from './discovery/sources.ts';
import { createMaintenance } from './embed/maintenance.ts';
import { watchFile } from './embed/watch.ts';
import { loadBinding } from './engine/load.ts';
import { createNativeEngine } from './engine/native.ts';
import { createMonitor } from './health/monitor.ts';
import { systemTime } from './health/time.ts';
import { allowedCpus, descriptorLimit } from './host.ts';
import { createLog, type ProcessLog } from './log.ts';
import { createMetrics, type Metrics } from './metrics/registry.ts';
import { startMetricsServer } from './metrics/server.ts';
import { createOverrideStore, formatMerged, type OverrideStore } from './overrides.ts';
import { handleSignals } from './signals.ts';

export interface RunOptions {
  readonly config: Config;
  readonly version: string;
  /** Reads the config again, for SIGHUP. */
  readonly reload: () => LoadResult;
  /** A file whose changes are reloaded. */
  readonly watch?: string;
  /** A line below the banner. */
  readonly hint?: string;
}

const EXIT_OK = 0;
const EXIT_FAILURE = 1;

/** Signals that came while nobody was there yet to obey them are kept. */
function signalInbox(reopenLogs: () => void): { attach(balancer: Balancer, log: ProcessLog): Promise<void> } {
  let balancer: Balancer | undefined;
  let asked = 0;
  let reloadAsked = false;
  let leave: () => void = () => undefined;
  const leaving = new Promise<void>((resolve) => (leave = resolve));
  handleSignals({
    end(times) {
      asked = times;
      leave();
      if (times > 1) void balancer?.end();
    },
    reload() {
      reloadAsked = balancer === undefined;
      void balancer?.reload();
    },
    reopenLogs,
  });
  return {
    async attach(serving, log) {
      balancer = serving;
      if (reloadAsked) void serving.reload();
      await leaving;
      const ended = serving.end();
      if (asked > 1) void serving.end();
      log.info('draining: no new sessions, open ones may finish; a second signal ends them now');
      await ended;
    },
  };
}

/** One for the process, whichever server shows it: its windows look back over reloads. */
function lastingMetrics(balancer: Balancer, log: ProcessLog, accessLog: AccessLog): Metrics {
  const source = { ...balancer, accessLog: accessLog.counts };
  return { ...createMetrics(source, log), close: () => undefined };
}

/** Two things as one: opened both, or neither. */
async function openBoth(first: Promise<Opened>, openSecond: () => Promise<Opened>): Promise<Opened> {
  const opened = [await first];
  try {
    opened.push(await openSecond());
  } catch (error) {
    await opened[0]?.discard();
    throw error;
  }
  return {
    keep: () => opened.forEach((each) => each.keep()),
    async discard() {
      await Promise.all(opened.map((each) => each.discard()));
    },
  };
}

/** Another config is in force: what that means for the log, and for what was changed at run time. */
function applied(before: Config, after: Config, store: OverrideStore, log: ProcessLog): void {
  const diff = diffConfigs(before, after);
  if (!isEmptyDiff(diff)) log.info(`changed:\n${formatDiff(diff).trimEnd()}`, { event: 'config-changed' });
  const merged = formatMerged(store.settle(after)).trimEnd();
  if (merged !== '') log.info(`of what was changed at run time:\n${merged}`, { event: 'overrides-merged' });
  // The very same object where a backend was added or removed at run time: a level set then stays as well.
  if (before.log === after.log) return;
  const taken = log.use(after.log);
  if (!taken.ok) log.warn(taken.message);
}

export async function run(options: RunOptions): Promise<number> {
  const { config } = options;
  const log = createLog(config.log);
  const accessLog = createAccessLog({ engine: () => balancer.engine(), names: () => balancer.slots, log });
  const inbox = signalInbox(() => {
    log.reopen();
    accessLog.reopen();
  });
  const loaded = loadBinding();
  if (!loaded.ok) {
    log.fatal(loaded.message);
    await log.flush();
    return EXIT_FAILURE;
  }
  const { binding } = loaded;
  const cpus = allowedCpus();
  const need = descriptorNeed(config, cpus, binding.maxWorkers, descriptorLimit());
  if (need !== undefined) log.warn(tellDescriptorNeed(need));
  const store = createOverrideStore({ config: () => balancer.config(), touch: () => balancer.touch() });
  let metrics: Metrics | undefined;
  const balancer: Balancer = createBalancer(config, {
    createEngine: (onEvents) =>
      createNativeEngine(binding, (events) => {
        onEvents(events);
        if (events.some(({ type }) => type === 'applied')) maintenance.endSessions();
      }),
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
      }),
    serveMetrics: (settings) =>
      startMetricsServer(settings, (metrics ??= lastingMetrics(balancer, log, accessLog)), () =>
        balancer.state(),
      ),
    openAlso: (wanted) => openBoth(accessLog.open(wanted), () => admin.open(wanted.admin)),
    records: accessLog,
    overrides: (wanted) => store.for(wanted),
    reload: options.reload,
    tellIssues: formatIssues,
    onApplied: (before, after) => applied(before, after, store, log),
    log,
  });
  const maintenance = createMaintenance(balancer, store);
  const admin = createAdminKeeper({
    operations: createBalancerOperations({
      balancer,
      store,
      log,
      version: options.version,
      change: (make) => balancer.change(make),
    }),
    version: options.version,
    tell: (message) => log.info(message, { event: 'admin' }),
  });
  const started = await balancer.start();
  if (!started.ok) {
    log.fatal(started.message);
    await log.flush();
    return EXIT_FAILURE;
  }
  log.banner(
    banner(config, cpus, binding.maxWorkers, options.version) + (options.hint ? `\n  ${options.hint}` : ''),
  );
  const watch =
    options.watch === undefined ? undefined : watchFile(options.watch, () => void balancer.reload());
  await inbox.attach(balancer, log);
  watch?.close();
  await admin.close();
  await accessLog.close();
  log.info('every session has ended');
  await log.flush();
  return EXIT_OK;
}
