// The command's own part: exit codes, text that can be copied, JSON that can be parsed.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import { runDoctor } from '#src/doctor/doctor.js';
import { byUrgency, inConfig, type Finding } from '#src/doctor/finding.js';
import { readHost } from '#src/doctor/read-host.js';
import { onsetText } from '#src/doctor/report.js';
import { BASE_CONFIG } from './bad-hosts.ts';
import { configOf, type HostFiles, limits, prepareHost, type PreparedHost } from './hosts.ts';

const prepared: PreparedHost[] = [];
after(() => prepared.forEach((host) => host.remove()));

function doctor(spoil: HostFiles, json = false) {
  const host = prepareHost(spoil);
  prepared.push(host);
  return runDoctor({ config: configOf(BASE_CONFIG), host: readHost({ root: host.root }), json });
}

describe('exit codes', () => {
  it('0 when there is nothing', () => assert.equal(doctor({}).exitCode, 0));
  it('3 for advice', () => assert.equal(doctor({ 'net.ipv4.tcp_migrate_req': '0' }).exitCode, 3));
  it('3 for a warning', () => assert.equal(doctor({ 'net.core.somaxconn': '128' }).exitCode, 3));
  it('4 when something will break', () => {
    assert.equal(doctor({ '/proc/self/limits': limits(4096), 'net.core.somaxconn': '128' }).exitCode, 4);
  });
});

describe('text', () => {
  it('says so when all is well', () => {
    const { report } = doctor({});
    assert.match(report, /^\/etc\/balancer\.yaml: 10000 sessions at once on 4 workers, 2 backends/);
    assert.match(report, /Nothing to mend/);
  });

  it('has each command on a line of its own, however long', () => {
    const { report } = doctor({ '/proc/self/limits': limits(4096) });
    assert.match(report, /^ {2}mend: sudo prlimit --pid \$\$ --nofile=32768:32768$/m);
    assert.match(
      report,
      /^ {4}or: sudo mkdir -p \S+ && printf '\[Service\]\\nLimitNOFILE=32768\\n' \| sudo tee \S+ && sudo systemctl daemon-reload$/m,
    );
    assert.match(report, /^WILL BREAK, above 1972 sessions at once \[descriptors\]$/m);
    assert.match(report, /1 will break, 0 warnings, 0 pieces of advice\.\n$/);
  });

  it('names what could not be read', () => {
    assert.match(
      doctor({ 'net.core.default_qdisc': null }).report,
      /Could not be read, and was not judged: net\.core\.default_qdisc\.\n$/,
    );
  });
});

describe('JSON', () => {
  it('has the same findings and the code', () => {
    const { report, exitCode } = doctor({ '/proc/self/limits': limits(4096) }, true);
    const parsed = JSON.parse(report) as {
      exit: number;
      basis: { sessions: number; sessions_by_descriptors: number };
      findings: Finding[];
    };
    assert.equal(parsed.exit, exitCode);
    assert.equal(parsed.basis.sessions, 10000);
    assert.equal(parsed.basis.sessions_by_descriptors, 1972);
    assert.deepEqual(
      parsed.findings.map(({ id, severity }) => [id, severity]),
      [['descriptors', 'break']],
    );
  });
});

describe('words for the onset', () => {
  it('there are some for each kind', () => {
    const finding = (onset: Finding['onset']): Finding => ({
      id: 'x',
      severity: 'advice',
      onset,
      title: '',
      detail: '',
      remedies: [inConfig('')],
    });
    const all = [
      finding({ kind: 'stuck-sessions', count: 5 }),
      finding({ kind: 'stuck-directions', count: 4 }),
      finding({ kind: 'burst', count: 3 }),
      finding({ kind: 'backend-rate', perSecond: 2, backend: 'a:1' }),
      finding({ kind: 'backend-sessions', count: 1, backend: 'a:1' }),
      finding({ kind: 'sessions', count: 0 }),
      finding({ kind: 'always' }),
      finding({ kind: 'start' }),
    ];
    assert.deepEqual(
      byUrgency(all).map(({ onset }) => onset.kind),
      all.map(({ onset }) => onset.kind).reverse(),
    );
    assert.equal(new Set(all.map(({ onset }) => onsetText(onset))).size, all.length);
  });
});
