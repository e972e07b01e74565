// The doctor on this very kernel: a network namespace is spoiled, what it says is carried out in that namespace as it
// stands, and then it has nothing more to say about that.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import type { Finding } from '#src/doctor/finding.js';
import { CLI } from '../helpers/balancer.ts';
import { createNamespace, folder, type Namespace, noNamespaces } from './tune-host-lab.ts';

const skip = noNamespaces() ?? false;

interface Told {
  readonly code: number | null;
  readonly findings: readonly Finding[];
}

describe('the doctor in a network namespace', { skip }, () => {
  const own = folder();
  let namespace: Namespace;
  before(() => {
    namespace = createNamespace();
    chmodSync(own.path, 0o755);
    writeFileSync(join(own.path, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  });
  after(() => {
    namespace.remove();
    own.remove();
  });

  function ask(config: string, ...prefix: string[]): Told {
    const file = join(own.path, 'balancer.yaml');
    writeFileSync(file, config);
    const command = [...prefix, process.execPath, CLI, 'doctor', '--config', file, '--json'];
    const done = spawnSync('ip', ['netns', 'exec', namespace.name, ...command], { encoding: 'utf8' });
    assert.equal(done.stderr, '');
    return { code: done.status, findings: (JSON.parse(done.stdout) as { findings: Finding[] }).findings };
  }

  /** Nothing but a setting of this namespace is ever carried out here. */
  function carryOut(finding: Finding): void {
    const [remedy] = finding.remedies;
    assert.ok(remedy?.kind === 'run');
    assert.match(remedy.command, /^sudo sysctl -w net\.(ipv4\.[a-z_]+|core\.somaxconn)=("[\d ]+"|[\d,-]+)$/);
    const path = `${own.path}:${process.env['PATH'] ?? ''}`;
    execFileSync('ip', ['netns', 'exec', namespace.name, 'sh', '-c', remedy.command], {
      env: { ...process.env, PATH: path },
    });
  }

  const CONFIG = `
listen: 0.0.0.0:8080
splice: off
max_connections: 1000
backlog: 4096
backends: [ { host: 10.9.9.1, port: 9001 } ]
`;

  const cases: readonly (readonly [id: string, settings: Record<string, string>, more: string])[] = [
    ['backlog', { 'net.core.somaxconn': '128' }, ''],
    ['local-ports', { 'net.ipv4.ip_local_port_range': '60000 60499' }, ''],
    ['time-wait', { 'net.ipv4.tcp_tw_reuse': '0' }, ''],
    ['migrate-requests', { 'net.ipv4.tcp_migrate_req': '0' }, ''],
    ['window-scaling', { 'net.ipv4.tcp_window_scaling': '0' }, ''],
    ['fast-open-connect', { 'net.ipv4.tcp_fastopen': '0' }, 'connection_settings: { tcp_fastopen: 16 }\n'],
    ['syn-backlog', { 'net.ipv4.tcp_syncookies': '0', 'net.ipv4.tcp_max_syn_backlog': '128' }, ''],
    ['listen-port-in-local-range', { 'net.ipv4.ip_local_port_range': '8000 60000' }, ''],
  ];
  for (const [id, settings, more] of cases) {
    it(`${id}: found, and mended by the command that it tells`, () => {
      for (const [name, value] of Object.entries(settings)) namespace.set(name, value);
      const sick = ask(CONFIG + more);
      const finding = sick.findings.find((one) => one.id === id);
      assert.ok(finding, `not among ${sick.findings.map((one) => one.id).join(', ')}`);
      assert.equal(sick.code, sick.findings.some(({ severity }) => severity === 'break') ? 4 : 3);
      carryOut(finding);
      assert.ok(!ask(CONFIG + more).findings.some((one) => one.id === id));
    });
  }

  it('knows what an account may do', () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    namespace.set('net.ipv4.ip_unprivileged_port_start', '1024');
    const low = CONFIG.replace('8080', '443');
    const ids = (told: Told): string[] => told.findings.map((one) => one.id);
    assert.ok(!ids(ask(low)).includes('privileged-port'));
    const told = ask(low, ...nobody);
    assert.equal(told.code, 4);
    assert.equal(told.findings[0]?.id, 'privileged-port');
    carryOut(told.findings[0]);
    assert.ok(!ids(ask(low, ...nobody)).includes('privileged-port'));
  });

  it('takes the limit of descriptors from the process that asks', () => {
    const told = ask(CONFIG, 'prlimit', '--nofile=1000:1000');
    const finding = told.findings.find((one) => one.id === 'descriptors');
    assert.equal(finding?.severity, 'break');
    assert.match(finding.detail, /^1000 descriptors/);
    assert.ok(!ask(CONFIG, 'prlimit', '--nofile=8192:8192').findings.some((one) => one.id === 'descriptors'));
  });

  it('has nothing more to say once tune-host.sh was there', () => {
    for (const [, settings] of cases)
      for (const [name, value] of Object.entries(settings)) namespace.set(name, value);
    assert.notDeepEqual(ask(CONFIG).findings, []);
    namespace.report('--only-namespace', '--interface', 'none', '--reserve-ports', '8080');
    // What a table for the host does not cover: it never switches SYN cookies off.
    namespace.set('net.ipv4.tcp_syncookies', '1');
    assert.deepEqual(ask(CONFIG), { code: 0, findings: [] });
  });

  it('ends as any command does when the config is bad or not there', () => {
    for (const [text, words] of [
      ['listen: nowhere', /balancer\.yaml:1:\d+: /],
      [undefined, /nosuch\.yaml/],
    ] as const) {
      const file = join(own.path, text === undefined ? 'nosuch.yaml' : 'balancer.yaml');
      if (text !== undefined) writeFileSync(file, text);
      const done = spawnSync(process.execPath, [CLI, 'doctor', '--config', file], { encoding: 'utf8' });
      assert.equal(done.status, 2);
      assert.match(done.stderr, words);
    }
  });

  it('talks to people unless asked for JSON', () => {
    const file = join(own.path, 'balancer.yaml');
    writeFileSync(file, CONFIG);
    const command = ['prlimit', '--nofile=1000:1000', process.execPath, CLI, 'doctor', '--config', file];
    const done = spawnSync('ip', ['netns', 'exec', namespace.name, ...command], { encoding: 'utf8' });
    assert.equal(done.status, 4);
    assert.match(done.stdout, /^WILL BREAK, above \d+ sessions at once \[descriptors\]$/m);
    assert.match(done.stdout, /^ {2}mend: sudo prlimit --pid \$\$ --nofile=4096:4096$/m);
  });
});
