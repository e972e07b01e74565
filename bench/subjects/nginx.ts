// nginx with its stream module. `proxy_half_close` is on everywhere: without it nginx ends a session when the client
// has ended its side, and what the backend still had to say is lost, so no trial would pass.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { poll } from '../lib/children.ts';
import { childrenOf } from '../lib/proc.ts';
import {
  SESSIONS_AT_MOST,
  startListening,
  writeConfig,
  type Detected,
  type Family,
  type Place,
  type Subject,
} from './subject.ts';

interface Style {
  readonly id: string;
  readonly family: Family;
  readonly setup: string;
  readonly letters?: string;
  readonly buffer?: string;
  readonly multiAccept?: boolean;
  readonly tuned?: boolean;
}

const STYLES: readonly Style[] = [
  {
    id: 'nginx-default',
    family: 'nginx-default',
    setup: 'one worker, worker_connections raised, proxy_half_close; all else as it comes',
  },
  {
    id: 'nginx-tuned/64k',
    family: 'nginx-tuned',
    setup: 'reuseport, worker_cpu_affinity, proxy_buffer_size 64k',
    letters: 'AE',
    tuned: true,
    buffer: '64k',
  },
  {
    id: 'nginx-tuned/256k',
    family: 'nginx-tuned',
    setup: 'the same with proxy_buffer_size 256k',
    letters: 'A',
    tuned: true,
    buffer: '256k',
  },
  {
    id: 'nginx-tuned/16k',
    family: 'nginx-tuned',
    setup: 'reuseport, worker_cpu_affinity, proxy_buffer_size 16k',
    letters: 'BCDEFG',
    tuned: true,
    buffer: '16k',
  },
  {
    id: 'nginx-tuned/multi',
    family: 'nginx-tuned',
    setup: 'the same with multi_accept',
    letters: 'CG',
    tuned: true,
    buffer: '16k',
    multiAccept: true,
  },
];

const MODULES = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/share/nginx/modules'];

function streamModule(): string | undefined {
  return MODULES.map((folder) => join(folder, 'ngx_stream_module.so')).find((file) => existsSync(file));
}

/** The whole file. `module` is loaded where stream is not built in. */
export function nginxConfig(
  style: Omit<Style, 'id' | 'family' | 'setup'>,
  place: Place,
  module?: string,
): string {
  const affinity = (1n << BigInt(place.cpu)).toString(2);
  return [
    ...(module === undefined ? [] : [`load_module ${module};`]),
    'daemon off;',
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    'worker_processes 1;',
    'worker_rlimit_nofile 20000;',
    ...(style.tuned ? [`worker_cpu_affinity ${affinity};`] : []),
    `pid ${join(place.folder, 'nginx.pid')};`,
    `error_log ${join(place.folder, 'nginx-error.log')} error;`,
    'events {',
    `  worker_connections ${2 * SESSIONS_AT_MOST + 100};`,
    ...(style.multiAccept ? ['  multi_accept on;'] : []),
    '}',
    'stream {',
    '  upstream relay {',
    ...place.backends.map((backend) => `    server ${backend};`),
    '  }',
    '  server {',
    `    listen ${place.listen}${style.tuned ? ' reuseport' : ''};`,
    '    proxy_pass relay;',
    '    proxy_half_close on;',
    ...(style.buffer === undefined ? [] : [`    proxy_buffer_size ${style.buffer};`]),
    '  }',
    '}',
    '',
  ].join('\n');
}

export function detectNginx(program: string): Detected {
  let told: string;
  try {
    told = execFileSync('/bin/sh', ['-c', '"$0" -V 2>&1', program], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return { ok: false, note: `nginx is not installed (${program})` };
  }
  const version = /nginx\/(\S+)/.exec(told)?.[1];
  if (version === undefined) return { ok: false, note: `${program} is not nginx` };
  const builtIn = / --with-stream(?: |$)/m.test(told);
  const module = builtIn ? undefined : streamModule();
  if (!builtIn && module === undefined)
    return { ok: false, note: 'nginx is there without its stream module' };
  const subjects = STYLES.map((style): Subject => ({
    id: style.id,
    family: style.family,
    setup: style.setup,
    ...(style.letters === undefined ? {} : { letters: style.letters }),
    async start(place) {
      const file = writeConfig(place, 'nginx.conf', nginxConfig(style, place, module));
      const errors = join(place.folder, 'nginx-error.log');
      const child = await startListening(place, [program, '-p', place.folder, '-c', file, '-e', errors]);
      const worker = await poll(
        () => {
          const workers = childrenOf(child.pid);
          return workers.length > 0 ? workers : undefined;
        },
        2000,
        () => child.hasEnded(),
      );
      if (worker === undefined) throw new Error(`nginx has no worker: ${child.log()}`);
      return { pids: [child.pid, ...worker], target: place.listen, child, stop: () => child.stop() };
    },
  }));
  return { ok: true, subjects, version };
}
