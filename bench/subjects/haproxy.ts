// HAProxy, as somebody writes it who reads the first page of its manual, and as its manual and its authors advise for
// each kind of load. Where advice is a matter of taste, both ways are variants, and the better one counts.

import { execFileSync } from 'node:child_process';

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
  readonly global?: readonly string[];
  readonly options?: readonly string[];
  /** Pipes take descriptors too. */
  readonly sessions?: number;
}

const PINNED = ['cpu-map auto:1/1 CPU', 'no log'];

const STYLES: readonly Style[] = [
  {
    id: 'haproxy-default',
    family: 'haproxy-default',
    setup: 'mode tcp, nbthread 1, timeouts, maxconn; all else as it comes',
  },
  {
    id: 'haproxy-tuned/plain',
    family: 'haproxy-tuned',
    setup: 'pinned by cpu-map, no log',
    letters: 'BCDEFG',
    global: [...PINNED],
  },
  {
    id: 'haproxy-tuned/smart',
    family: 'haproxy-tuned',
    setup: 'the same with tcp-smart-accept and tcp-smart-connect',
    letters: 'CG',
    global: [...PINNED],
    options: ['option tcp-smart-accept', 'option tcp-smart-connect'],
  },
  {
    id: 'haproxy-tuned/splice',
    family: 'haproxy-tuned',
    setup: 'option splice-request and splice-response, pipes of 1 MiB',
    letters: 'AE',
    global: [...PINNED, 'tune.pipesize 1048576', 'maxpipes 1024'],
    options: ['option splice-request', 'option splice-response'],
    sessions: 4000,
  },
  {
    id: 'haproxy-tuned/buffers',
    family: 'haproxy-tuned',
    setup: 'no splice, buffers of 256 KiB',
    letters: 'AE',
    global: [...PINNED, 'tune.bufsize 262144'],
  },
];

/** The whole file. */
export function haproxyConfig(style: Omit<Style, 'id' | 'family' | 'setup'>, place: Place): string {
  const sessions = style.sessions ?? SESSIONS_AT_MOST;
  const servers = place.backends.map((backend, n) => `  server b${n + 1} ${backend}`);
  return [
    'global',
    '  nbthread 1',
    `  maxconn ${sessions}`,
    ...(style.global ?? [])
      .map((line) => `  ${line.replace('CPU', String(place.cpu))}`)
      .filter((line) => line !== '  no log'),
    'defaults',
    '  mode tcp',
    ...((style.global ?? []).includes('no log') ? ['  no log'] : []),
    ...(style.options ?? []).map((line) => `  ${line}`),
    `  maxconn ${sessions}`,
    '  timeout connect 5s',
    '  timeout client 75s',
    '  timeout server 75s',
    'listen relay',
    `  bind ${place.listen}`,
    '  balance roundrobin',
    ...servers,
    '',
  ].join('\n');
}

export function detectHaproxy(program: string): Detected {
  let version: string;
  try {
    const told = execFileSync(program, ['-v'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    version = /version (\S+)/.exec(told)?.[1] ?? 'unknown';
  } catch {
    return { ok: false, note: `HAProxy is not installed (${program})` };
  }
  const subjects = STYLES.map((style): Subject => ({
    id: style.id,
    family: style.family,
    setup: style.setup,
    ...(style.letters === undefined ? {} : { letters: style.letters }),
    async start(place) {
      const file = writeConfig(place, 'haproxy.cfg', haproxyConfig(style, place));
      const child = await startListening(place, [program, '-db', '-f', file]);
      return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
    },
  }));
  return { ok: true, subjects, version };
}
