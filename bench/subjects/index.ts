// Who takes part: everything that is installed, narrowed to what was asked for; the rest is told as notes.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../lib/paths.ts';
import { direct } from './direct.ts';
import { detectIoUring, detectQuickAck } from './experiments.ts';
import { detectHaproxy } from './haproxy.ts';
import { net } from './net.ts';
import { detectNginx } from './nginx.ts';
import { detectCore, detectOurs } from './ours.ts';
import type { Subject } from './subject.ts';

export interface Cast {
  readonly subjects: readonly Subject[];
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** Left out unless asked for by name. */
const ONLY_WHEN_NAMED = ['core', 'quickack', 'io-uring'];
/** Of a short run. */
const QUICK = [
  'direct',
  'ours',
  'control',
  'haproxy-default',
  'haproxy-tuned/plain',
  'haproxy-tuned/splice',
  'nginx-tuned/16k',
  'nginx-tuned/64k',
];

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function straceVersion(): string {
  try {
    return /version (\S+)/.exec(execFileSync('strace', ['-V'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  } catch {
    return 'not installed';
  }
}

/** The control is a subject measured twice: ours, or a peer while ours is not built. */
function controlOf(subjects: readonly Subject[]): Subject[] {
  const twin = subjects.find((s) => s.id === 'ours') ?? subjects.find((s) => s.id === 'haproxy-default');
  return twin === undefined
    ? []
    : [
        {
          ...twin,
          id: 'control',
          family: 'control',
          setup: `${twin.id} once more: what no difference looks like`,
        },
      ];
}

export function gather(wanted: {
  readonly haproxy: string;
  readonly nginx: string;
  readonly baseline: string | undefined;
  readonly subjects: readonly string[] | undefined;
  readonly quick: boolean;
}): Cast {
  const detected = {
    ours: detectOurs(ownVersion(), wanted.baseline),
    haproxy: detectHaproxy(wanted.haproxy),
    nginx: detectNginx(wanted.nginx),
    core: detectCore(),
    quickack: detectQuickAck(),
    'io-uring': detectIoUring(),
  };
  const notes: string[] = [];
  const versions: Record<string, string> = { strace: straceVersion() };
  const all: Subject[] = [direct, net];
  for (const [name, found] of Object.entries(detected)) {
    if (!found.ok) {
      if (!ONLY_WHEN_NAMED.includes(name) || wanted.subjects?.includes(name)) notes.push(found.note);
      continue;
    }
    if (!ONLY_WHEN_NAMED.includes(name)) versions[name] = found.version;
    all.push(...found.subjects);
  }
  all.push(...controlOf(all));
  const { subjects: names } = wanted;
  const takesPart = (s: Subject): boolean => {
    if (s.family === 'direct') return true; // what others are compared with
    if (names !== undefined) return names.includes(s.id) || names.includes(s.family);
    if (s.family === 'baseline') return true;
    return wanted.quick ? QUICK.includes(s.id) : !ONLY_WHEN_NAMED.includes(s.family);
  };
  for (const name of names ?? []) {
    if (!all.some((s) => s.id === name || s.family === name))
      notes.push(`no subject ${name}: there are ${all.map((s) => s.id).join(', ')}`);
  }
  return { subjects: all.filter(takesPart), versions, notes };
}
