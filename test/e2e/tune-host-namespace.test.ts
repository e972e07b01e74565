// scripts/tune-host.sh on this very kernel, in network namespaces that the tests make: apply, verify, revert; what fails
// half-way; what it must not touch. /etc and the saved state are folders of the test.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import {
  createNamespace,
  item,
  type Namespace,
  noNamespaces,
  reportOf,
  runScript,
  withStatus,
} from './tune-host-lab.ts';

const skip = noNamespaces() ?? false;
const namespaces: Namespace[] = [];
after(() => namespaces.forEach((namespace) => namespace.remove()));

function make(queues?: number): Namespace {
  const namespace = createNamespace(queues);
  namespaces.push(namespace);
  return namespace;
}

/** What the whole machine shares. No test may change it. */
function machine(): Record<string, string> {
  const files = [
    'fs/nr_open',
    'fs/file-max',
    'fs/pipe-user-pages-soft',
    'net/core/rmem_max',
    'net/core/netdev_max_backlog',
    'net/core/default_qdisc',
    'net/ipv4/tcp_fin_timeout',
    'net/netfilter/nf_conntrack_max',
  ];
  const seen: Record<string, string> = {};
  for (const file of files)
    if (existsSync(`/proc/sys/${file}`)) seen[file] = readFileSync(`/proc/sys/${file}`, 'utf8');
  return seen;
}

const DEVICES = ['--interface', 'a0', '--interface', 'a1'];
const ONLY = ['--only-namespace', ...DEVICES];

describe('in a network namespace', { skip }, () => {
  it('sets the table, verifies it, and puts everything back', () => {
    const namespace = make(2);
    const before = namespace.picture();
    const host = machine();
    const applied = namespace.report('--persist', ...ONLY);
    assert.equal(applied.exit, 0, JSON.stringify(applied, null, 1));
    assert.deepEqual(withStatus(applied, 'failed'), []);
    // The guide's values, as this kernel now tells them.
    assert.match(namespace.sysctl('net.ipv4.tcp_rmem'), /^4096 \d+ 67108864$/);
    assert.match(namespace.sysctl('net.ipv4.tcp_wmem'), /^4096 \d+ 67108864$/);
    assert.equal(namespace.sysctl('net.ipv4.ip_local_port_range'), '10000 65535');
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '15');
    assert.equal(namespace.sysctl('net.ipv4.tcp_tw_reuse'), '1');
    assert.equal(namespace.sysctl('net.ipv4.tcp_window_scaling'), '1');
    assert.equal(namespace.sysctl('net.ipv4.tcp_fastopen'), '3');
    assert.ok(Number(namespace.sysctl('net.core.somaxconn')) >= 4096);
    assert.ok(Number(namespace.sysctl('net.ipv4.tcp_max_syn_backlog')) >= 8192);
    assert.equal(namespace.sysctl('net.ipv4.tcp_migrate_req'), '1');
    assert.equal(namespace.sysctl('net.ipv4.tcp_slow_start_after_idle'), '0');
    assert.equal(namespace.read('/sys/class/net/a0/tx_queue_len'), '5000');
    const persistent = readFileSync(join(namespace.etc, 'sysctl.d/99-ultrabalancer-l4.conf'), 'utf8');
    assert.match(persistent, /^net\.ipv4\.tcp_fin_timeout = 15$/m);
    assert.deepEqual(machine(), host, 'and nothing of the machine');

    const reverted = namespace.report('revert');
    assert.equal(reverted.exit, 0, JSON.stringify(reverted, null, 1));
    assert.equal(namespace.picture(), before);
    assert.deepEqual(readdirSync(join(namespace.etc, 'sysctl.d')), []);
    assert.ok(!existsSync(namespace.state), 'nothing is left behind');
  });

  it('the file for the boot is one that sysctl takes', () => {
    const namespace = make();
    namespace.report('--persist', '--only-namespace', '--interface', 'none');
    const other = make();
    // The dash that forgives what is not loaded is for systemd-sysctl and for sysctl alike.
    other.run('sysctl', '-q', '-p', join(namespace.etc, 'sysctl.d/99-ultrabalancer-l4.conf'));
    assert.equal(other.sysctl('net.ipv4.tcp_fin_timeout'), '15');
    assert.equal(other.sysctl('net.ipv4.ip_local_port_range'), '10000 65535');
  });

  it('applied again, changes nothing and forgets no old value', () => {
    const namespace = make();
    const before = namespace.picture();
    namespace.report('--persist', ...ONLY);
    const saved = readFileSync(namespace.report('check', ...ONLY).state, 'utf8');
    const applied = namespace.picture();
    const again = namespace.report('--persist', ...ONLY);
    assert.deepEqual([again.exit, withStatus(again, 'set'), withStatus(again, 'differs')], [0, [], []]);
    assert.equal(namespace.picture(), applied);
    assert.equal(readFileSync(again.state, 'utf8'), saved);
    namespace.report('revert');
    assert.equal(namespace.picture(), before);
  });

  it('leaves what is better already', () => {
    const namespace = make();
    namespace.set('net.ipv4.tcp_fin_timeout', '5');
    namespace.set('net.core.somaxconn', '65535');
    namespace.set('net.ipv4.ip_local_port_range', '1024 60999');
    namespace.set('net.ipv4.tcp_fastopen', '1025');
    namespace.set('net.ipv4.tcp_rmem', '8192 262144 134217728');
    namespace.report(...ONLY);
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '5');
    assert.equal(namespace.sysctl('net.core.somaxconn'), '65535');
    assert.equal(namespace.sysctl('net.ipv4.ip_local_port_range'), '1024 65535');
    assert.equal(namespace.sysctl('net.ipv4.tcp_fastopen'), '1027', 'bits that were set stay');
    assert.equal(namespace.sysctl('net.ipv4.tcp_rmem'), '8192 262144 134217728');
    namespace.report('revert');
    assert.equal(namespace.sysctl('net.ipv4.ip_local_port_range'), '1024 60999');
    assert.equal(namespace.sysctl('net.ipv4.tcp_fastopen'), '1025');
  });

  it('run bare, tells what belongs to the machine and ends with 3', () => {
    const namespace = make();
    const host = machine();
    const applied = namespace.report();
    assert.equal(applied.exit, 3);
    assert.ok(withStatus(applied, 'host').includes('net.core.netdev_max_backlog'));
    assert.deepEqual(withStatus(applied, 'failed'), []);
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '15', 'the rest is done');
    assert.deepEqual(machine(), host);
    assert.deepEqual(readdirSync(join(namespace.etc, 'sysctl.d')), [], '/etc may be the one of the host');
    assert.ok(applied.notes.some((note) => note.includes('--persist')));
    assert.match(
      namespace.script('check').out,
      /Not touched, since it is not of this network namespace alone:/,
    );
  });

  it('goes on when one setting is refused, and tells it', () => {
    const namespace = make();
    const before = namespace.picture();
    const settings = join(namespace.etc, 'settings.conf');
    writeFileSync(
      settings,
      [
        'net.ipv4.tcp_fin_timeout | at_most | 15 | netns | why | when',
        'net.ipv4.tcp_tw_reuse | exactly | 9 | netns | refused by the kernel: 0 to 2 | when',
        'net.ipv4.tcp_migrate_req | exactly | 1 | netns | why | when',
      ].join('\n'),
    );
    const applied = namespace.report('--settings', settings, '--interface', 'none');
    assert.equal(applied.exit, 3);
    assert.deepEqual(withStatus(applied, 'failed'), ['net.ipv4.tcp_tw_reuse']);
    assert.match(item(applied, 'net.ipv4.tcp_tw_reuse').note, /Invalid argument/);
    assert.deepEqual(withStatus(applied, 'set'), ['net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_migrate_req']);
    assert.ok(!readFileSync(applied.state, 'utf8').includes('tcp_tw_reuse'), 'nothing to put back there');
    assert.equal(namespace.report('revert').exit, 0);
    assert.equal(namespace.picture(), before);
  });

  it('does not put back over what somebody has set since, unless forced', () => {
    const namespace = make();
    const before = namespace.picture();
    namespace.report(...ONLY);
    namespace.set('net.ipv4.tcp_fin_timeout', '33');
    const reverted = namespace.report('revert');
    assert.equal(reverted.exit, 3);
    assert.deepEqual(withStatus(reverted, 'failed'), ['net.ipv4.tcp_fin_timeout']);
    assert.match(item(reverted, 'net.ipv4.tcp_fin_timeout').note, /--force/);
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '33');
    assert.equal(namespace.report('revert', '--force').exit, 0);
    assert.equal(namespace.picture(), before);
  });

  it('a device that has gone since is no trouble', () => {
    const namespace = make();
    namespace.report(...ONLY);
    namespace.run('ip', 'link', 'del', 'a0');
    const reverted = namespace.report('revert');
    assert.equal(reverted.exit, 0);
    assert.ok(withStatus(reverted, 'left').includes('a0'));
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '60');
  });

  it(
    'hands packets of one queue to the CPUs of the workers',
    { skip: cpus().length < 2 && 'needs two CPUs' },
    () => {
      const namespace = make();
      const mask = '/sys/class/net/a0/queues/rx-0/rps_cpus';
      const all = namespace.report(...ONLY);
      assert.equal(item(all, mask).status, 'set');
      const bits = BigInt(`0x${namespace.read(mask).replaceAll(',', '')}`);
      assert.equal(bits, (1n << BigInt(cpus().length)) - 1n);
      namespace.report('revert');
      assert.match(namespace.read(mask), /^[0,]+$/);
      // One worker CPU and one queue: nothing to hand on.
      const one = namespace.report(...ONLY, '--worker-cpus', '1');
      assert.ok(!one.items.some(({ id }) => id === mask));
      assert.match(namespace.read(mask), /^[0,]+$/);
    },
  );

  it('keeps ports for listeners', () => {
    const namespace = make();
    namespace.set('net.ipv4.ip_local_reserved_ports', '20000,20001');
    namespace.report(...ONLY, '--reserve-ports', '18080,20002-20004');
    assert.equal(namespace.sysctl('net.ipv4.ip_local_reserved_ports'), '18080,20000-20004');
    namespace.report('revert');
    assert.equal(namespace.sysctl('net.ipv4.ip_local_reserved_ports'), '20000-20001');
  });

  it('gives a device another queue discipline, and its own one back', (t) => {
    const namespace = make();
    namespace.run('ip', 'tuntap', 'add', 'q0', 'mode', 'tap');
    namespace.run('ip', 'link', 'set', 'q0', 'up');
    const before = namespace.run('tc', 'qdisc', 'show', 'dev', 'q0');
    const kind = before.split(' ')[1] ?? '';
    if (kind === 'pfifo' || !before.includes(' 0: root'))
      return t.skip(`the kernel gives a tap device ${before}`);
    // The default is hidden in a namespace, so that it is told by a folder; pfifo is one that every kernel has.
    const proc = join(namespace.etc, 'proc');
    mkdirSync(join(proc, 'sys/net/core'), { recursive: true });
    writeFileSync(join(proc, 'sys/net/core/default_qdisc'), `${kind}\n`);
    const settings = join(namespace.etc, 'settings.conf');
    writeFileSync(settings, 'nic.qdisc | offered | pfifo | netns | why | when');
    const env = { TUNE_HOST_ETC: namespace.etc, TUNE_HOST_STATE: namespace.state, TUNE_HOST_PROC: proc };
    const inside = ['ip', 'netns', 'exec', namespace.name];
    const applied = reportOf(runScript(inside, ['--json', '--settings', settings, '--interface', 'q0'], env));
    assert.deepEqual(withStatus(applied, 'set'), ['q0'], JSON.stringify(applied.items));
    assert.match(namespace.run('tc', 'qdisc', 'show', 'dev', 'q0'), /^qdisc pfifo [1-9a-f]/);
    assert.equal(runScript(inside, ['revert'], env).code, 0);
    assert.equal(namespace.run('tc', 'qdisc', 'show', 'dev', 'q0'), before);
    const unknown = 'nic.qdisc | offered | nosuchqdisc | netns | why | when';
    writeFileSync(settings, unknown);
    const passed = reportOf(runScript(inside, ['--json', '--settings', settings, '--interface', 'q0'], env));
    assert.deepEqual([passed.exit, withStatus(passed, 'absent')], [0, ['q0']]);
  });

  it('passes over what it is told to', () => {
    const namespace = make();
    const applied = namespace.report(...ONLY, '--skip', 'nic.*', '--skip', 'net.ipv4.tcp_fin_timeout');
    assert.ok(applied.items.every(({ setting }) => !setting.startsWith('nic.')));
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '60');
    assert.equal(namespace.sysctl('net.ipv4.tcp_migrate_req'), '1');
  });

  it('a device that is not there is told, the rest is done', () => {
    const namespace = make();
    const applied = namespace.report('--only-namespace', '--interface', 'nosuch0');
    assert.deepEqual([applied.exit, withStatus(applied, 'failed')], [3, ['nosuch0']]);
    assert.equal(namespace.sysctl('net.ipv4.tcp_fin_timeout'), '15');
  });
});
