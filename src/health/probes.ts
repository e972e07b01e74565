// From settings to a probe: the one place that knows every kind. Owns what custom checks share: kept answers, and the
// threads of modules.

import { statSync } from 'node:fs';
import type { Awake } from './awake.ts';
import { createAnswerCache } from './cache.ts';
import type { HealthCheckSettings, Probe } from './health.ts';
import { type ModuleHost, createModuleHost } from './module-host.ts';
import { createCommandProbe } from './probe-command.ts';
import { createHttpProbe } from './probe-http.ts';
import { createModuleProbe } from './probe-module.ts';
import { createTcpProbe } from './probe-tcp.ts';
import type { Time } from './time.ts';

export interface Probes {
  probeFor(settings: HealthCheckSettings): Probe;
  /** Ends the threads of modules that are not among these files, or whose file has changed since they were loaded. */
  keepModules(files: ReadonlySet<string>): void;
  close(): void;
}

export interface ProbesOptions {
  readonly time: Time;
  readonly awake: Awake;
}

export function createProbes({ time, awake }: ProbesOptions): Probes {
  const cache = createAnswerCache(time.now);
  const modules = new Map<string, { readonly version: number; readonly host: ModuleHost }>();

  function moduleHost(file: string): ModuleHost {
    const known = modules.get(file);
    if (known !== undefined) return known.host;
    const host = createModuleHost({ file, time, awake });
    modules.set(file, { version: versionOf(file), host });
    return host;
  }

  function custom(settings: HealthCheckSettings): Probe {
    const { command, module, timeout, cache: keepMs } = settings;
    let probe: Probe;
    if (command !== undefined && command.length > 0) probe = createCommandProbe({ timeout, command, awake });
    else if (module !== undefined && module !== '') probe = moduleProbe(module, timeout);
    else return () => Promise.resolve({ outcome: 'fail', code: 'PROCERR', detail: 'nothing to run' });
    return (target, signal) =>
      cache.answer(JSON.stringify([command, module, target]), keepMs, () => probe(target, signal));
  }

  /** The thread may have been replaced since the last time: looked up each time. */
  function moduleProbe(file: string, timeout: number): Probe {
    return (target, signal) => createModuleProbe({ timeout, host: moduleHost(file) })(target, signal);
  }

  function drop(file: string): void {
    modules.get(file)?.host.close();
    modules.delete(file);
  }

  return {
    probeFor(settings) {
      const { check_type } = settings;
      switch (check_type) {
        case 'tcp':
          return createTcpProbe({ timeout: settings.timeout, awake });
        case 'http':
          return createHttpProbe({ ...settings, awake });
        case 'custom':
          return custom(settings);
        default: {
          const unreachable: never = check_type;
          throw new TypeError(`no such check: ${String(unreachable)}`);
        }
      }
    },
    keepModules(files) {
      for (const [file, { version }] of [...modules]) {
        if (!files.has(file) || versionOf(file) !== version) drop(file);
      }
    },
    close() {
      for (const file of [...modules.keys()]) drop(file);
    },
  };
}

/** Changes when the file does. */
function versionOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
