// Health checks that are functions of the program, in place of the probes that the config names: thresholds, intervals
// and timeouts stay the config's. To the monitor such a check is a custom one whose module has a name that no file can
// have. Pools that share a function and settings share its answers.

import type { Awake } from '../health/awake.ts';
import { createAnswerCache } from '../health/cache.ts';
import type {
  HealthCheckSettings,
  Monitor,
  MonitoredPool,
  Probe,
  ProbeTarget,
  Verdict,
} from '../health/health.ts';
import type { Probes } from '../health/probes.ts';

export interface CheckedBackend {
  /** As configured: a name or an address. */
  readonly host: string;
  /** Numeric. */
  readonly address: string;
  /** `health_checks.port` where that is set, else the one that serves. */
  readonly port: number;
}

/**
 * True is healthy; false, anything else, and a rejection are not. The signal aborts when `health_checks.timeout` has
 * passed or nobody wants to know any more. Runs on the thread that calls it: it may wait, it must not compute for long.
 */
export type HealthFunction = (backend: CheckedBackend, signal: AbortSignal) => boolean | Promise<boolean>;

/** By pool. */
export type HealthFunctions = Readonly<Record<string, HealthFunction>>;

export interface FunctionChecks {
  /** Does what `inner` does, and asks functions where the settings say so. */
  readonly probes: Probes;
  /** The same monitor, told that pools with a function have a custom check. */
  withFunctions(monitor: Monitor): Monitor;
}

export interface FunctionChecksOptions {
  readonly functions: HealthFunctions;
  readonly inner: Probes;
  readonly awake: Awake;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** No file name has a NUL. */
const PREFIX = '\0function ';
const LONGEST_DETAIL = 200;

export function createFunctionChecks(options: FunctionChecksOptions): FunctionChecks {
  const { functions, inner, awake } = options;
  const cache = createAnswerCache(options.now);
  const known = new Map<string, { readonly run: HealthFunction; readonly underWay: Set<string> }>();
  const names = new Map<HealthFunction, string>();
  const byPool = new Map<string, string>();
  for (const [pool, run] of Object.entries(functions)) {
    const name = names.get(run) ?? `${PREFIX}${names.size + 1}`;
    names.set(run, name);
    byPool.set(pool, name);
    known.set(name, known.get(name) ?? { run, underWay: new Set() });
  }

  function probeFor(settings: HealthCheckSettings): Probe {
    const check = settings.module === undefined ? undefined : known.get(settings.module);
    if (check === undefined) return inner.probeFor(settings);
    const { timeout, cache: keepMs, module } = settings;
    const { run, underWay } = check;
    return (target, signal) =>
      cache.answer(JSON.stringify([module, target]), keepMs, () =>
        ask(run, underWay, target, timeout, signal, awake),
      );
  }

  function monitored(pool: MonitoredPool): MonitoredPool {
    const module = byPool.get(pool.name);
    if (module === undefined) return pool;
    return { ...pool, health_checks: { ...pool.health_checks, check_type: 'custom', command: [], module } };
  }

  return {
    probes: {
      probeFor,
      keepModules: (files) => inner.keepModules(new Set([...files].filter((file) => !known.has(file)))),
      close: () => inner.close(),
    },
    withFunctions: (monitor) => ({ ...monitor, update: (pools) => monitor.update(pools.map(monitored)) }),
  };
}

/** One call for one backend at a time: one that never ends costs one promise, not one for every interval. */
function ask(
  run: HealthFunction,
  underWay: Set<string>,
  target: ProbeTarget,
  timeout: number,
  signal: AbortSignal,
  awake: Awake,
): Promise<Verdict> {
  const name = JSON.stringify(target);
  if (underWay.has(name))
    return Promise.resolve(failure('PROCTOUT', 'the call before this one has not ended'));
  underWay.add(name);
  const ending = new AbortController();
  return new Promise((resolve) => {
    const finish = (verdict: Verdict): void => {
      cancelDeadline();
      signal.removeEventListener('abort', giveUp);
      resolve(verdict);
      ending.abort();
    };
    const giveUp = (): void =>
      finish({ outcome: 'inconclusive', code: 'PROCERR', detail: 'nobody asks any more' });
    const cancelDeadline = awake.deadline(timeout, () =>
      finish(failure('PROCTOUT', `no answer in ${timeout} ms`)),
    );
    signal.addEventListener('abort', giveUp);
    void call(run, target, ending.signal).then((verdict) => {
      underWay.delete(name);
      finish(verdict);
    });
    if (signal.aborted) giveUp();
  });
}

async function call(
  run: HealthFunction,
  { host, address, port }: ProbeTarget,
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    const healthy: unknown = await run({ host, address, port }, signal);
    if (healthy === true) return { outcome: 'pass', code: 'PROCOK', detail: '' };
    return failure(
      'PROCERR',
      healthy === false ? 'the function says no' : `the function answers ${typeof healthy}, not true`,
    );
  } catch (error) {
    return failure('PROCERR', oneLine(error));
  }
}

function failure(code: 'PROCERR' | 'PROCTOUT', detail: string): Verdict {
  return { outcome: 'fail', code, detail };
}

function oneLine(error: unknown): string {
  const text =
    error instanceof Error ? error.message : typeof error === 'string' ? error : 'the function rejects';
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, LONGEST_DETAIL);
}
