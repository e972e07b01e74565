// A good host has nothing to mend. Every bad one is found out, with the right figures, and its first remedy mends it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';

import { diagnose } from '#src/doctor/diagnose.js';
import type { Finding } from '#src/doctor/finding.js';
import { readHost } from '#src/doctor/read-host.js';
import { BAD_HOSTS, BASE_CONFIG } from './bad-hosts.ts';
import {
  configOf,
  prepareHost,
  type HostFiles,
  type PreparedHost,
  limits,
  oneQueue,
  status,
} from './hosts.ts';

const prepared: PreparedHost[] = [];
after(() => prepared.forEach((host) => host.remove()));

function hostWith(spoil: HostFiles = {}): PreparedHost {
  const host = prepareHost(spoil);
  prepared.push(host);
  return host;
}

/** The base config with other lines; a later key wins over the same one before. */
function configWith(...extras: string[]) {
  const lines = new Map<string, string>();
  for (const line of [BASE_CONFIG, ...extras].join('\n').split('\n'))
    lines.set(line.split(':')[0] ?? '', line);
  return configOf([...lines.values()].join('\n'));
}

const ids = (findings: readonly Finding[]): string[] => findings.map((finding) => finding.id);

describe('a good host', () => {
  it('has nothing to mend', () => {
    assert.deepEqual(diagnose(configWith(''), readHost({ root: hostWith().root })), []);
  });

  it('has everything read', () => {
    assert.deepEqual(readHost({ root: hostWith().root }).unread, []);
  });
});

describe('a bad host', () => {
  for (const bad of BAD_HOSTS) {
    it(bad.name, () => {
      const host = hostWith(bad.spoil);
      const config = configWith(bad.config);
      const found = diagnose(config, readHost({ root: host.root })).find((finding) => finding.id === bad.id);
      assert.ok(found, `${bad.id} is not found`);
      assert.equal(found.severity, bad.severity);
      assert.deepEqual(found.onset, bad.onset);
      const words = JSON.stringify(found);
      for (const name of bad.names)
        assert.ok(words.includes(String(name)), `${name} is not named in ${words}`);
      const [first] = found.remedies;
      assert.ok(first, 'it tells what to do');
      assert.equal(first.kind === 'config', bad.byConfig === true, 'by config or by command');
      if (first.kind === 'config') return;
      host.mend(first.command);
      assert.ok(
        !ids(diagnose(config, readHost({ root: host.root }))).includes(bad.id),
        `still there after: ${first.command}`,
      );
    });
  }

  it('has a case for every finding that there is', () => {
    const folder = new URL('../../../../dist/doctor/checks/', import.meta.url);
    const named = new Set<string>();
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(new URL(file, folder), 'utf8');
      for (const match of text.matchAll(/\bid: (?:'([a-z-]+)'|key\.replace)/g))
        named.add(match[1] ?? 'receive-buffer');
    }
    assert.ok(named.size > 20, 'the names were found at all');
    const guide = readFileSync(new URL('../../../../docs/tuning.md', import.meta.url), 'utf8');
    assert.deepEqual(
      [...named].filter((id) => !guide.includes(`\`${id}\``)),
      [],
      'explained in docs/tuning.md',
    );
    assert.deepEqual(
      [...named].filter((id) => !BAD_HOSTS.some((bad) => bad.id === id)),
      [],
    );
  });
});

describe('what a remedy in the config promises', () => {
  it('max_connections as told fits the descriptors', () => {
    const host = hostWith({ '/proc/self/limits': limits(4096) });
    const facts = readHost({ root: host.root });
    const told = /max_connections: (\d+)/.exec(
      JSON.stringify(diagnose(configWith('max_connections: 0'), facts)),
    )?.[1];
    assert.deepEqual(diagnose(configWith(`max_connections: ${told}`), facts), []);
  });

  it('memory as told suffices', () => {
    const bad = BAD_HOSTS.filter((one) => one.id.startsWith('memory'));
    assert.equal(bad.length, 2);
    for (const { spoil, config, id } of bad) {
      const facts = readHost({ root: hostWith(spoil).root });
      const remedy = diagnose(configWith(config), facts).find((finding) => finding.id === id)?.remedies[0];
      assert.ok(remedy?.kind === 'config');
      const mended = diagnose(configWith(config, remedy.lines), facts);
      assert.ok(!ids(mended).includes(id), `${id} is still there with ${remedy.lines}`);
    }
  });
});

describe('order and weight', () => {
  it('worst first, and among equals what shows at the lowest load', () => {
    const host = hostWith({
      '/proc/self/limits': limits(4096),
      'net.ipv4.tcp_migrate_req': '0',
      'net.core.somaxconn': '128',
      'net.ipv4.ip_local_port_range': '60000\t60999',
    });
    const findings = diagnose(configWith(''), readHost({ root: host.root }));
    assert.deepEqual(ids(findings), [
      'local-ports',
      'local-ports',
      'descriptors',
      'backlog',
      'migrate-requests',
    ]);
  });

  it('counts pools that share a backend together', () => {
    const config = configOf(`
splice: off
listeners:
  a: { listen: 0.0.0.0:8080, pool: x, max_connections: 20000 }
  b: { listen: 0.0.0.0:8081, pool: y, max_connections: 20000 }
pools:
  x: { backends: [ { host: 10.0.0.1, port: 9001 } ] }
  y: { backends: [ { host: 10.0.0.1, port: 9001 } ] }
`);
    const host = hostWith({ 'net.ipv4.ip_local_port_range': '32768\t60999' });
    const [found] = diagnose(config, readHost({ root: host.root }));
    assert.equal(found?.id, 'local-ports');
    assert.match(found.title, /28232 of its 40000/);
  });

  it('respects what a backend is limited to, weights and backups', () => {
    const host = hostWith({ 'net.ipv4.ip_local_port_range': '60000\t60999' });
    const facts = readHost({ root: host.root });
    const backends = (list: string) => `max_connections: 2000\nbackends: [ ${list} ]`;
    const limited =
      '{ host: 10.0.0.1, port: 9001, max_connections: 900 }, { host: 10.0.0.2, port: 9001, max_connections: 1000 }';
    assert.deepEqual(diagnose(configWith(backends(limited)), facts), []);
    const weighted = '{ host: 10.0.0.1, port: 9001, weight: 3 }, { host: 10.0.0.2, port: 9001, weight: 1 }';
    const shares = diagnose(configWith(backends(weighted)), facts);
    assert.match(shares[0]?.title ?? '', /10\.0\.0\.1:9001 run out at 1000 of its 1500/);
    assert.equal(shares[1]?.id, 'local-ports-when-alone');
    const spare =
      '{ host: 10.0.0.1, port: 9001, max_connections: 1000 }, { host: 10.0.0.9, port: 9001, backup: true }';
    assert.deepEqual(ids(diagnose(configWith(backends(spare)), facts)), ['local-ports-when-alone']);
  });
});

describe('what need not be said', () => {
  const quiet: readonly (readonly [string, HostFiles, string, string])[] = [
    [
      'a quota of pipes to a privileged account',
      { 'fs.pipe-user-pages-soft': '16384', '/proc/self/status': status(1n << 24n) },
      'splice: on',
      'pipe-quota',
    ],
    ['a quota of pipes that is off', { 'fs.pipe-user-pages-soft': '0' }, 'splice: on', 'pipe-quota'],
    [
      'low ports to an account that may bind them',
      { '/proc/self/status': status(1n << 10n) },
      'listen: 0.0.0.0:443',
      'privileged-port',
    ],
    [
      'TIME_WAIT on loopback where it is reused',
      { 'net.ipv4.tcp_tw_reuse': '2' },
      'backends: [ { host: 127.0.0.1, port: 9001 } ]',
      'time-wait',
    ],
    [
      'the card, when nothing leaves the machine',
      oneQueue(),
      'listen: 127.0.0.1:8080\nbackends: [ { host: 127.0.0.1, port: 9001 } ]',
      'receive-on-one-cpu',
    ],
    ['one queue, when it hands packets on', oneQueue('ff'), '', 'receive-on-one-cpu'],
    [
      'fq, when nothing is paced',
      { 'net.core.default_qdisc': 'pfifo_fast', 'net.ipv4.tcp_congestion_control': 'cubic' },
      '',
      'pacing-without-fq',
    ],
    [
      'a port that is reserved',
      { 'net.ipv4.ip_local_reserved_ports': '18080' },
      'listen: 0.0.0.0:18080',
      'listen-port-in-local-range',
    ],
  ];
  for (const [name, spoil, config, id] of quiet) {
    it(name, () => {
      const findings = diagnose(configWith(config), readHost({ root: hostWith(spoil).root }));
      assert.ok(!ids(findings).includes(id), JSON.stringify(findings));
    });
  }
});
