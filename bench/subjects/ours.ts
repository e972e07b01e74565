// The product itself: its command line, its own defaults, one worker. Also another checkout of it as a baseline, and
// its data plane without Node, which shows what the rest of the process costs.

import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { sleep } from '../lib/children.ts';
import { root } from '../lib/paths.ts';
import { freePort } from '../lib/proc.ts';
import {
  startListening,
  writeConfig,
  type Detected,
  type Family,
  type Place,
  type Running,
  type Subject,
} from './subject.ts';

interface Extras {
  readonly metricsPort?: number;
  /** Another at each reload, so that every one is a change. Seconds. */
  readonly drainTimeout?: number;
  readonly quickAck?: boolean;
}

/** JSON is YAML. Nothing but what is needed: where to listen, whom to relay to, one worker. */
export function oursConfig(place: Place, extras: Extras = {}): string {
  const config = {
    listen: place.listen,
    workers: 1,
    backends: place.backends.map((backend) => {
      const colon = backend.lastIndexOf(':');
      return { host: backend.slice(0, colon), port: Number(backend.slice(colon + 1)) };
    }),
    ...(extras.drainTimeout === undefined ? {} : { drain: { timeout: extras.drainTimeout } }),
    ...(extras.quickAck === true ? { connection_settings: { tcp_quickack: true } } : {}),
    ...(extras.metricsPort === undefined
      ? {}
      : {
          monitoring: {
            prometheus: { enabled: true, host: '127.0.0.1', port: extras.metricsPort, path: '/metrics' },
          },
        }),
  };
  return `${JSON.stringify(config, undefined, 1)}\n`;
}

interface Applied {
  readonly generation: number;
  readonly failures: number;
}

async function appliedSoFar(port: number): Promise<Applied> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  return {
    generation: value('ultrabalancer_l4_config_generation'),
    failures: value('ultrabalancer_l4_reload_failures_total'),
  };
}

/** Asked for more often than it can be done, so that one reload follows another. */
const ASK_EVERY_MS = 2;

async function startReloading(place: Place, cli: string): Promise<Running> {
  const port = await freePort('127.0.0.1');
  let changes = 0;
  const nextFile = (): string =>
    writeConfig(
      place,
      'config.next',
      oursConfig(place, { metricsPort: port, drainTimeout: 30 + changes++ / 1000 }),
    );
  const file = join(place.folder, 'config.yaml');
  renameSync(nextFile(), file);
  const child = await startListening(place, [process.execPath, cli, '--config', file]);
  return {
    pids: [child.pid],
    target: place.listen,
    child,
    stop: () => child.stop(),
    async reloads(stop) {
      const before = await appliedSoFar(port);
      const from = performance.now();
      while (!stop() && !child.hasEnded()) {
        renameSync(nextFile(), file); // never half a file
        child.signal('SIGHUP');
        await sleep(ASK_EVERY_MS);
      }
      const elapsed = (performance.now() - from) / 1000;
      const after = await appliedSoFar(port);
      if (after.failures !== before.failures)
        throw new Error(`reloads were refused: ${child.log().slice(-500)}`);
      return (after.generation - before.generation) / elapsed;
    },
  };
}

function subject(id: string, family: Family, setup: string, cli: string): Subject {
  return {
    id,
    family,
    setup,
    async start(place) {
      const file = writeConfig(place, 'config.yaml', oursConfig(place));
      const child = await startListening(place, [process.execPath, cli, '--config', file]);
      return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
    },
  };
}

/** `folder` is this checkout unless told. */
export function detectOurs(version: string, baseline: string | undefined): Detected {
  const cli = join(root, 'dist', 'cli.js');
  const addons = ['Release', 'Debug'].map((kind) => join(root, 'build', kind, 'ultrabalancer_l4.node'));
  if (!existsSync(cli) || !addons.some((file) => existsSync(file))) {
    return { ok: false, note: 'ours is not built (npm run build)' };
  }
  const subjects: Subject[] = [
    subject('ours', 'ours', 'defaults, workers: 1', cli),
    {
      id: 'ours/reloading',
      family: 'ours',
      setup: 'the same, its config changed and reloaded again and again',
      letters: 'H',
      start: (place) => startReloading(place, cli),
    },
  ];
  const baselineCli = baseline === undefined ? undefined : join(baseline, 'dist', 'cli.js');
  if (baselineCli !== undefined) {
    if (!existsSync(baselineCli)) return { ok: false, note: `the baseline is not built (${baselineCli})` };
    subjects.push(subject('baseline', 'baseline', `another build, ${baseline ?? ''}`, baselineCli));
  }
  return { ok: true, subjects, version };
}

/** The data plane alone, as .build/native has it after a build of its tests. */
export function detectCore(): Detected {
  const program = join(root, '.build', 'native', 'ub_relay');
  if (!existsSync(program))
    return { ok: false, note: 'the bare data plane is not built (.build/native/ub_relay)' };
  return {
    ok: true,
    version: 'this checkout',
    subjects: [
      {
        id: 'core',
        family: 'core',
        setup: 'the data plane without Node, for comparison with itself',
        async start(place) {
          const child = await startListening(place, [program, '-w', '1', place.listen, ...place.backends]);
          return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
        },
      },
    ],
  };
}
