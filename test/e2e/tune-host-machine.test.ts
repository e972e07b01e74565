// scripts/tune-host.sh on a whole machine that is a folder: with cards, interrupts, memory nodes and systemd, which no
// network namespace has. tune-host-stock.ts tells what is in it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';

import {
  createMachine,
  item,
  type Machine,
  reportOf,
  SCRIPT,
  type Tree,
  withStatus,
} from './tune-host-lab.ts';
import { stock } from './tune-host-stock.ts';

const machines: Machine[] = [];
after(() => machines.forEach((machine) => machine.remove()));

function make(...trees: Tree[]): Machine {
  const machine = createMachine(Object.assign(stock(), ...trees) as Tree);
  machines.push(machine);
  return machine;
}

const DROP_IN = '/etc/systemd/system/ultrabalancer-l4.service.d/50-host.conf';
const LIMITS = '/etc/security/limits.d/60-ultrabalancer-l4.conf';
const AT_BOOT = '/etc/sysctl.d/99-ultrabalancer-l4.conf';

/** /var/lib is made for the saved state and is the machine's own from then on. */
function withFolders(picture: string): string {
  return `${picture}\n/var\n/var/lib\n/var/lib/ultrabalancer-l4`;
}

describe('a whole machine', () => {
  it('is set up, and put back to the last byte', () => {
    const machine = make();
    const before = machine.picture();
    const applied = machine.report();
    assert.deepEqual(withStatus(applied, 'failed'), []);
    assert.equal(applied.exit, 0);
    assert.equal(machine.report('check').exit, 0);
    assert.equal(
      machine.report().items.filter(({ status }) => status === 'set').length,
      0,
      'applied again, nothing',
    );

    const reverted = machine.report('revert');
    assert.equal(
      reverted.exit,
      0,
      JSON.stringify(reverted.items.filter(({ status }) => status === 'failed')),
    );
    assert.equal(machine.picture().replace(/^\/unit\/reloads.*\n/m, ''), withFolders(before));
    assert.equal(machine.read('/unit/reloads'), 'reloaded\nreloaded', 'systemd was told both times');
  });

  it('has kernel settings, with those kept that are better, and limits for the service', () => {
    const machine = make();
    machine.report();
    assert.equal(machine.read('net.core.rmem_max'), '134217728');
    assert.equal(machine.read('net.core.somaxconn'), '4096');
    assert.equal(
      machine.read('fs.file-max'),
      '9223372036854775807',
      'larger than any number a shell adds up',
    );
    assert.equal(machine.read('net.netfilter.nf_conntrack_max'), '1048576');
    const boot = machine.read(AT_BOOT);
    assert.match(boot, /^net\.core\.rmem_max = 134217728$/m);
    assert.match(
      boot,
      /^-net\.netfilter\.nf_conntrack_max = 1048576$/m,
      'forgiven where the module is not loaded yet',
    );
    assert.doesNotMatch(boot, /file-max/, 'only what was set');
    assert.match(machine.read(DROP_IN), /^\[Service\]\nLimitNOFILE=1048576\nNice=-5$/m);
    assert.match(machine.read(LIMITS), /^ultrabalancer-l4 - nofile 1048576\nultrabalancer-l4 - nice -5$/m);
    assert.equal(machine.read('/sys/kernel/mm/transparent_hugepage/enabled'), 'madvise');
    for (let cpu = 0; cpu < 8; cpu++)
      assert.equal(machine.read(`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`), 'performance');
  });

  it('has a card whose queues serve the CPUs of its own node', () => {
    const machine = make();
    const applied = machine.report();
    // Node 1 has CPUs 2, 3, 6, 7; by core they are 2+6, 3+7: one core for each queue.
    assert.equal(machine.read('/sys/class/net/eth0/queues/rx-0/rps_cpus'), '44');
    assert.equal(machine.read('/sys/class/net/eth0/queues/rx-1/rps_cpus'), '88');
    assert.equal(machine.read('/sys/class/net/eth0/queues/rx-0/rps_flow_cnt'), '16384');
    assert.equal(machine.read('/proc/irq/51/smp_affinity_list'), '2');
    assert.equal(machine.read('/proc/irq/52/smp_affinity_list'), '6');
    assert.equal(machine.read('/proc/irq/53/smp_affinity_list'), '0-7', 'no queue');
    // Sending concerns every CPU: 0+4, 1+5 through one queue, 2+6, 3+7 through the other.
    assert.equal(machine.read('/sys/class/net/eth0/queues/tx-0/xps_cpus'), '33');
    assert.equal(machine.read('/sys/class/net/eth0/queues/tx-1/xps_cpus'), 'cc');
    assert.equal(machine.read('/card/eth0/rx'), '2048', 'no more than the card can');
    assert.equal(machine.read('/card/eth0/gso'), 'on');
    assert.equal(item(applied, 'eth0 tso').note, 'the device cannot');
    assert.equal(machine.read('/card/eth0/adaptive-rx'), 'on');
    assert.match(machine.read('/card/eth0/qdisc'), /^qdisc mq 8001:.*\nqdisc fq .*\nqdisc fq /);
    assert.ok(applied.notes.some((note) => note === 'eth0 is on node 1, whose CPUs are 2-3,6-7'));
    machine.report('revert');
    assert.equal(machine.read('/card/eth0/rx-usecs'), '3', 'and not what the card chose meanwhile');
  });

  it('follows the pinning that it is told', () => {
    const machine = make();
    machine.report('--worker-cpus', '2,3', '--irq-cpus', '7');
    assert.equal(machine.read('/proc/irq/51/smp_affinity_list'), '7');
    assert.equal(
      machine.read('/sys/class/net/eth0/queues/rx-0/rps_cpus'),
      '00',
      'two queues for two CPUs: nothing to hand on',
    );
  });

  it('writes masks of more than 32 CPUs as the kernel reads them', () => {
    const machine = make({
      '/sys/devices/system/cpu/online': '0-39',
      '/sys/devices/system/node/node1/cpulist': '2-3,6-39',
    });
    machine.report('--worker-cpus', '2-39');
    assert.equal(machine.read('/sys/class/net/eth0/queues/tx-1/xps_cpus').split(',').length, 2);
    const all = ['tx-0', 'tx-1'].map((queue) =>
      BigInt(`0x${machine.read(`/sys/class/net/eth0/queues/${queue}/xps_cpus`).replace(',', '')}`),
    );
    assert.equal(
      all.reduce((sum, mask) => sum | mask, 0n),
      (1n << 40n) - 1n,
      'every CPU has a queue',
    );
    assert.equal(
      all.reduce((sum, mask) => sum & mask),
      0n,
      'and only one',
    );
  });
});

describe('between apply and revert', () => {
  it('a run that was killed half-way is put back', () => {
    const machine = make();
    const before = machine.picture();
    // The first device setting ends the script: its parent is a subshell of it.
    const killer = '#!/bin/bash\nread -r _ _ _ script _ <"/proc/$PPID/stat"\nkill -KILL "$script"';
    const ip = machine.read('/usr/sbin/ip');
    machine.write({ '/usr/sbin/ip': killer });
    const killed = machine.script('--skip', 'memory.thp');
    assert.equal(killed.code, null, `it was to be killed: ${killed.out}`);
    machine.write({ '/usr/sbin/ip': ip });
    assert.equal(machine.read('net.core.somaxconn'), '4096', 'half of it was done');
    assert.equal(machine.read('/card/eth0/gso'), 'off', 'and half was not');
    assert.equal(machine.report('revert').exit, 0);
    assert.equal(machine.picture(), withFolders(before));
  });

  it('a boot makes void what was saved of devices, and nothing else', () => {
    const machine = make({ 'kernel.random.boot_id': 'first' });
    machine.report();
    // Interrupt 51 may be anything now; the kernel settings were set again from /etc/sysctl.d.
    machine.write({ 'kernel.random.boot_id': 'second', '/proc/irq/51/smp_affinity_list': '2' });
    const { exit, items } = machine.report('revert');
    assert.equal(exit, 0);
    assert.ok(items.every(({ kind }) => ['sysctl', 'file', 'dir'].includes(kind)));
    assert.equal(machine.read('/proc/irq/51/smp_affinity_list'), '2');
    assert.equal(machine.read('net.core.somaxconn'), '128');
    assert.ok(!machine.exists(AT_BOOT));
  });
});

describe("what is somebody else's", () => {
  it('a text in our place is put back as it was', () => {
    const machine = make({ [DROP_IN]: '[Service]\nLimitNOFILE=5000\n# by hand', [LIMITS]: '# by hand' });
    spawnSync('chmod', ['600', machine.root + LIMITS]);
    const before = machine.picture();
    machine.report();
    assert.match(machine.read(DROP_IN), /1048576/);
    machine.report('revert');
    assert.ok(machine.picture().startsWith(before.slice(0, before.indexOf('/unit'))));
    assert.ok(machine.picture().includes(`${LIMITS} 600 "# by hand\\n"`));
  });

  it('a service that has more already keeps it', () => {
    const machine = make({
      '/unit/LoadState': 'loaded',
      '/unit/LimitNOFILE': 'infinity',
      '/unit/Nice': '-10',
    });
    const applied = machine.report();
    assert.ok(!machine.exists(DROP_IN));
    assert.equal(item(applied, DROP_IN).status, 'ok');
  });

  it('interrupts stay where they are while irqbalance runs', () => {
    const machine = make({ '/proc/99/comm': 'irqbalance' });
    const applied = machine.report();
    assert.match(JSON.stringify(applied.items), /irqbalance runs/);
    assert.equal(machine.read('/proc/irq/51/smp_affinity_list'), '0-7');
  });

  it('a queue discipline that was set up stays', () => {
    for (const qdisc of [
      'qdisc cake 8005: root refcnt 2',
      'qdisc fq_codel 8001: root',
      'qdisc mq 0: root\nqdisc pfifo_fast 0: parent :1\nqdisc fq_codel 0: parent :2',
    ]) {
      const machine = make({ '/card/eth0/qdisc': qdisc });
      const passed = machine.report().items.find(({ kind }) => kind === 'qdisc');
      assert.match(passed?.note ?? '', /somebody has set it up/);
      assert.equal(machine.read('/card/eth0/qdisc'), qdisc);
    }
  });

  it('"never" for huge pages is as good as madvise', () => {
    const machine = make({ '/sys/kernel/mm/transparent_hugepage/enabled': 'always madvise [never]' });
    machine.report();
    assert.equal(machine.read('/sys/kernel/mm/transparent_hugepage/enabled'), 'always madvise [never]');
  });

  it('who sets the same at boot after us is named', () => {
    const machine = make({
      '/etc/sysctl.conf': '# x\nnet.core.somaxconn=1024',
      '/etc/sysctl.d/10-early.conf': 'net.core.somaxconn = 1',
    });
    const { notes } = machine.report();
    assert.deepEqual(
      notes.filter((note) => note.includes('at boot, after')).map((note) => note.replace(machine.root, '')),
      [`/etc/sysctl.conf sets net.core.somaxconn to 1024 at boot, after ${AT_BOOT}`],
    );
  });
});

describe('what is missing', () => {
  it('tools are named, the rest is done', () => {
    const machine = make();
    for (const tool of ['ip', 'ethtool', 'tc']) spawnSync('rm', [`${machine.root}/usr/sbin/${tool}`]);
    const applied = machine.report();
    assert.equal(applied.exit, 0);
    assert.match(JSON.stringify(applied.items), /ip is not installed.*ethtool is not installed/);
    assert.equal(machine.read('net.core.somaxconn'), '4096');
  });

  it('a card that cannot adapt is no failure', () => {
    const machine = make({ '/card/eth0/fixed': 'yes' });
    const applied = machine.report();
    assert.equal(applied.exit, 0);
    assert.equal(applied.items.find(({ kind }) => kind === 'coalesce')?.note, 'the device cannot');
    assert.equal(machine.report('revert').exit, 0);
    assert.equal(machine.read('/card/eth0/adaptive-rx'), 'off');
  });

  it('BBR, where the kernel does not offer it', () => {
    const machine = make();
    const applied = machine.report();
    assert.match(item(applied, 'net.ipv4.tcp_congestion_control').note, /does not offer bbr/);
    assert.equal(machine.read('net.ipv4.tcp_congestion_control'), 'cubic');
  });

  it('no systemd and no PAM: told, not failed', () => {
    const machine = make();
    spawnSync('rm', ['-r', `${machine.root}/etc/systemd`, `${machine.root}/etc/security`]);
    const applied = machine.report();
    assert.equal(applied.exit, 0);
    assert.match(JSON.stringify(applied.items), /no systemd here.*no PAM limits here/);
  });

  it(
    'what the account may not write fails alone',
    { skip: process.getuid?.() !== 0 && 'needs root to become somebody else' },
    () => {
      const machine = make();
      spawnSync('chown', ['-R', '65534:65534', machine.root]);
      spawnSync('chmod', ['755', machine.root]);
      spawnSync('chmod', [
        '444',
        `${machine.root}/proc/sys/net/core/somaxconn`,
        `${machine.root}/proc/irq/51/smp_affinity_list`,
      ]);
      const nobody = [
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        SCRIPT,
        '--root',
        machine.root,
        '--json',
      ];
      const ran = spawnSync('setpriv', nobody, { encoding: 'utf8' });
      const applied = reportOf({ code: ran.status, out: ran.stdout, err: ran.stderr });
      assert.equal(applied.exit, 3);
      assert.deepEqual(withStatus(applied, 'failed'), [
        'net.core.somaxconn',
        '/proc/irq/51/smp_affinity_list',
      ]);
      assert.match(item(applied, 'net.core.somaxconn').note, /Permission denied/);
      assert.equal(machine.read('net.core.rmem_max'), '134217728');
      assert.doesNotMatch(
        machine.read(AT_BOOT),
        /somaxconn/,
        'what was not set is not promised for the boot',
      );
    },
  );
});
