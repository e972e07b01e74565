// Runs the long proofs one after the other and writes what they counted as a page. Everything that was counted is from
// this very run; a proof that fails leaves no page.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ROOT, scenario } from '../helpers/balancer.ts';
import { proveFrozen } from './frozen.ts';
import { page, type Circumstances } from './page.ts';
import type { Proof, Proven } from './proof.ts';
import { proveQueue } from './queue.ts';
import { proveReloads } from './reloads.ts';
import { proveUpgrades } from './upgrades.ts';

const USAGE = `usage: scripts/prove.sh [--only NAME,…] [--reloads N] [--connections N] [--streams N] [--seconds N] [--rounds N]
    [--upgrades N] [--publish]
  names: frozen, queue, upgrades, reloads; without --only all of them
  --publish   writes docs/proofs.md; only of a commit without changes, and of all proofs
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n${USAGE}`);
  process.exit(2);
}

function whole(text: string, name: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) fail(`--${name} is a whole number from 1 on`);
  return Number(text);
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    reloads: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '1000000' },
    streams: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '60' },
    upgrades: { type: 'string', default: '20' },
    publish: { type: 'boolean', default: false },
  },
});
// Not too many at once: what is proven is that none fails, and reloads need CPU time beside them.
const load = {
  connections: 8,
  streams: whole(values.streams, 'streams'),
  bytesPerSecond: 5e6,
  backends: 16,
};
const rounds = whole(values.rounds, 'rounds');
const proofs: Readonly<Record<string, readonly Proof[]>> = {
  frozen: [proveFrozen({ ...load, seconds: whole(values.seconds, 'seconds') })],
  queue: (['auto', 'on', 'off'] as const).map((splice) => proveQueue({ rounds, splice })),
  upgrades: [proveUpgrades({ ...load, upgrades: whole(values.upgrades, 'upgrades') })],
  reloads: [
    proveReloads({
      ...load,
      reloads: whole(values.reloads, 'reloads'),
      leastConnections: whole(values.connections, 'connections'),
      ctlEvery: 20,
      patienceMs: 600_000,
    }),
  ],
};
const chosen = values.only?.split(',') ?? Object.keys(proofs);
for (const name of chosen) if (!(name in proofs)) fail(`there is no proof ${name}`);

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim();
const dirty = git('status', '--porcelain') !== '';
if (values.publish && (dirty || values.only !== undefined))
  fail('--publish is for a commit without changes, and for all proofs');
const circumstances: Circumstances = {
  date: new Date().toISOString().slice(0, 10),
  commit: git('rev-parse', '--short=12', 'HEAD') + (dirty ? ' with changes' : ''),
  kernel: release(),
  cpus: `${cpus().length}, ${cpus()[0]?.model.trim() ?? 'of an unknown kind'}`,
  node: process.versions.node,
  migrate: readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim(),
  command: ['scripts/prove.sh', ...process.argv.slice(2)].join(' '),
};

const proven: Proven[] = [];
const tell = (line: string): void => void process.stderr.write(`${line}\n`);
for (const name of chosen) {
  for (const proof of proofs[name] ?? []) {
    await scenario(async (lab) => {
      const one = await proof(lab, tell);
      proven.push(one);
      tell(`${one.title}: ${one.figures.map(({ what, value }) => `${what} ${value}`).join(', ')}`);
    });
  }
}
const file = values.publish ? join(ROOT, 'docs', 'proofs.md') : join(ROOT, '.build', 'proofs.md');
writeFileSync(file, page(circumstances, proven));
tell(`written to ${file}`);
