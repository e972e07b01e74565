// scripts/tune-host.sh on a whole machine that is a folder: with cards, interrupts, memory nodes and systemd, which no
// network namespace has. ip, ethtool, tc and systemctl are small programs that keep their figures in files there.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { createMachine, item, type Machine, PACKAGE, reportOf, SCRIPT, type Tree, withStatus } from './tune-host-lab.ts';

const machines: Machine[] = [];
after(() => machines.forEach((machine) => machine.remove()));

function make(...trees: Tree[]): Machine {
  const machine = createMachine(Object.assign({}, stock(), ...trees) as Tree);
  machines.push(machine);
  return machine;
}

/** A program of the machine's; $R is the machine's root. */
const program = (text: string): string => `#!/bin/bash\nset -eu\nR=$(cd "$(dirname "$0")/../.." && pwd)\n${text}`;

const TOOLS: Tree = {
  '/usr/sbin/ip': program('[[ "$1 $2 $3 $5" == "link set dev txqueuelen" ]]; echo "$6" >"$R/sys/class/net/$4/tx_queue_len"'),
  // Figures of a card lie in /card/DEVICE/NAME.
  '/usr/sbin/ethtool': program(`
verb=$1 device=$2; shift 2; C=$R/card/$device
case $verb in
  -g) printf 'Ring parameters for %s:\\nPre-set maximums:\\nRX:\\t\\t%s\\nRX Mini:\\tn/a\\nTX:\\t\\t%s\\nCurrent hardware settings:\\nRX:\\t\\t%s\\nRX Mini:\\tn/a\\nTX:\\t\\t%s\\n' \\
        "$device" "$(cat $C/ring-max)" "$(cat $C/ring-max)" "$(cat $C/rx)" "$(cat $C/tx)" ;;
  -G) echo "$2" >"$C/$1" ;;
  -k) printf 'Features for %s:\\ntcp-segmentation-offload: %s\\ngeneric-segmentation-offload: %s\\ngeneric-receive-offload: %s\\n' \\
        "$device" "$(cat $C/tso)" "$(cat $C/gso)" "$(cat $C/gro)" ;;
  -K) echo "$2" >"$C/$1" ;;
  -c) printf 'Coalesce parameters for %s:\\nAdaptive RX: %s  TX: n/a\\n\\nrx-usecs: %s\\nrx-frames: n/a\\n' "$device" "$(cat $C/adaptive-rx)" "$(cat $C/rx-usecs)" ;;
  -C) [[ ! -e $C/fixed ]] || { echo 'netlink error: Operation not supported' >&2; exit 1; }
      echo "$2" >"$C/$1"
      # As a driver does: while it adapts, it chooses the figure itself.
      if [[ "$1 $2" == "adaptive-rx on" ]]; then echo 64 >"$C/rx-usecs"; fi ;;
esac`),
  '/usr/sbin/tc': program(`
shift; D=$R/card/$3/qdisc
case $1 in
  show) cat "$R/card/$3/qdisc" ;;
  replace) echo "qdisc $5 8001: root refcnt 2" >"$D"
    if [[ $5 == mq ]]; then
      kind=$(cat "$R/proc/sys/net/core/default_qdisc")
      printf 'qdisc %s 0: parent 8001:%s\\n' $kind 1 $kind 2 >>"$D"
    fi ;;
  del) kind=$(cat "$R/proc/sys/net/core/default_qdisc")
    if [[ -e $R/card/$3/many ]]; then
      echo "qdisc mq 0: root" >"$D"
      printf 'qdisc %s 0: parent :%s\\n' $kind 1 $kind 2 >>"$D"
    else
      echo "qdisc $kind 0: root refcnt 2" >"$D"
    fi ;;
esac`),
  '/usr/bin/systemctl': program(`
case $1 in
  show) [[ $3 == LoadState ]] && cat "$R/unit/LoadState" || cat "$R/unit/$3" ;;
  daemon-reload) echo reloaded >>"$R/unit/reloads" ;;
esac`),
};

/** Eight CPUs on two nodes, two threads to a core, and a card on node 1 with two queues. */
function stock(): Tree {
  const tree: Tree = {
    ...TOOLS,
    'net.core.rmem_max': '212992',
    'net.core.wmem_max': '212992',
    'net.core.somaxconn': '128',
    'net.core.netdev_max_backlog': '1000',
    'net.core.default_qdisc': 'fq_codel',
    'net.core.rps_sock_flow_entries': '0',
    'net.ipv4.tcp_rmem': '4096 131072 6291456',
    'net.ipv4.tcp_wmem': '4096 16384 4194304',
    'net.ipv4.ip_local_port_range': '32768 60999',
    'net.ipv4.tcp_fin_timeout': '60',
    'net.ipv4.tcp_congestion_control': 'cubic',
    'net.ipv4.tcp_available_congestion_control': 'reno cubic',
    'fs.nr_open': '1048576',
    'fs.file-max': '9223372036854775807',
    'fs.pipe-user-pages-soft': '16384',
    'net.netfilter.nf_conntrack_max': '262144',
    'net.netfilter.nf_conntrack_buckets': '65536',
    '/proc/self/status': 'Name:\tbash',
    '/proc/77/comm': 'init',
    '/proc/interrupts': [
      '      CPU0 CPU1',
      ' 50: 1 1 PCI-MSIX 0-edge eth0',
      ' 51: 1 1 PCI-MSIX 1-edge eth0-TxRx-0',
      ' 52: 1 1 PCI-MSIX 2-edge eth0-TxRx-1',
      ' 53: 1 1 PCI-MSIX 3-edge eth0-fdir-ctrl',
    ].join('\n'),
    '/etc/sysctl.d/README': 'mine',
    '/etc/systemd/system/README': 'mine',
    '/etc/security/limits.d/README': 'mine',
    '/run/systemd/system/README': 'systemd runs',
    '/unit/LoadState': 'not-found',
    '/sys/kernel/mm/transparent_hugepage/enabled': 'always',
    '/sys/devices/system/cpu/online': '0-7',
    '/sys/devices/system/node/node0/cpulist': '0-1,4-5',
    '/sys/devices/system/node/node1/cpulist': '2-3,6-7',
    '/sys/class/net/lo/operstate': 'unknown',
    '/sys/class/net/eth0/operstate': 'up',
    '/sys/class/net/eth0/tx_queue_len': '1000',
    '/sys/class/net/eth0/device/numa_node': '1',
    '/card/eth0/ring-max': '2048',
    '/card/eth0/rx': '512',
    '/card/eth0/tx': '512',
    '/card/eth0/gro': 'on',
    '/card/eth0/gso': 'off',
    '/card/eth0/tso': 'off [fixed]',
    '/card/eth0/adaptive-rx': 'off',
    '/card/eth0/rx-usecs': '3',
    '/card/eth0/many': 'two queues',
    '/card/eth0/qdisc': 'qdisc mq 0: root\nqdisc fq_codel 0: parent :1\nqdisc fq_codel 0: parent :2',
  };
  for (const irq of [50, 51, 52, 53]) {
    tree[`/proc/irq/${irq}/smp_affinity_list`] = '0-7';
    tree[`/sys/class/net/eth0/device/msi_irqs/${irq}`] = 'msix';
  }
  for (const queue of [0, 1]) {
    tree[`/sys/class/net/eth0/queues/rx-${queue}/rps_cpus`] = '00';
    tree[`/sys/class/net/eth0/queues/rx-${queue}/rps_flow_cnt`] = '0';
    tree[`/sys/class/net/eth0/queues/tx-${queue}/xps_cpus`] = '00';
  }
  for (let cpu = 0; cpu < 8; cpu++) {
    const base = `/sys/devices/system/cpu/cpu${cpu}`;
    // Node 0 is package 0: cores of CPUs 0+4 and 1+5; package 1: 2+6 and 3+7.
    tree[`${base}/topology/physical_package_id`] = String(cpu % 4 < 2 ? 0 : 1);
    tree[`${base}/topology/core_id`] = String(cpu % 4);
    tree[`${base}/cpufreq/scaling_governor`] = 'powersave';
    tree[`${base}/cpufreq/scaling_available_governors`] = 'performance powersave';
  }
  return tree;
}

const DROP_IN = '/etc/systemd/system/ultrabalancer-l4.service.d/50-host.conf';
const LIMITS = '/etc/security/limits.d/60-ultrabalancer-l4.conf';
const AT_BOOT = '/etc/sysctl.d/99-ultrabalancer-l4.conf';

describe('a whole machine', () => {
  it('is set up, and put back to the last byte', () => {
    const machine = make();
    const before = machine.picture();
    const applied = machine.report();
    assert.deepEqual(withStatus(applied, 'failed'), []);
    assert.equal(applied.exit, 0);
    assert.equal(machine.report('check').exit, 0);
    assert.equal(machine.report().items.filter(({ status }) => status === 'set').length, 0, 'applied again, nothing');

    const reverted = machine.report('revert');
    assert.equal(reverted.exit, 0, JSON.stringify(reverted.items.filter(({ status }) => status === 'failed')));
    assert.equal(machine.picture().replace(/^\/unit\/reloads.*\n/m, ''), withFolders(before));
    assert.equal(machine.read('/unit/reloads'), 'reloaded\nreloaded', 'systemd was told both times');
  });

  /** /var/lib is made for the saved state and is the machine's own from then on. */
  function withFolders(picture: string): string {
    return `${picture}\n/var\n/var/lib\n/var/lib/ultrabalancer-l4`;
  }

  it('has kernel settings, with those kept that are better, and limits for the service', () => {
    const machine = make();
    machine.report();
    assert.equal(machine.read('net.core.rmem_max'), '134217728');
    assert.equal(machine.read('net.core.somaxconn'), '4096');
    assert.equal(machine.read('fs.file-max'), '9223372036854775807', 'larger than any number a shell adds up');
    assert.equal(machine.read('net.netfilter.nf_conntrack_max'), '1048576');
    const boot = machine.read(AT_BOOT);
    assert.match(boot, /^net\.core\.rmem_max = 134217728$/m);
    assert.match(boot, /^-net\.netfilter\.nf_conntrack_max = 1048576$/m, 'forgiven where the module is not loaded yet');
    assert.doesNotMatch(boot, /file-max/, 'only what was set');
    assert.match(machine.read(DROP_IN), /^\[Service\]\nLimitNOFILE=1048576\nNice=-5$/m);
    assert.match(machine.read(LIMITS), /^ultrabalancer-l4 - nofile 1048576\nultrabalancer-l4 - nice -5$/m);
    assert.equal(machine.read('/sys/kernel/mm/transparent_hugepage/enabled'), 'madvise');
    for (let cpu = 0; cpu < 8; cpu++) assert.equal(machine.read(`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`), 'performance');
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
    assert.equal(machine.read('/sys/class/net/eth0/queues/rx-0/rps_cpus'), '00', 'two queues for two CPUs: nothing to hand on');
  });

  it('writes masks of more than 32 CPUs as the kernel reads them', () => {
    const machine = make({ '/sys/devices/system/cpu/online': '0-39', '/sys/devices/system/node/node1/cpulist': '2-3,6-39' });
    machine.report('--worker-cpus', '2-39');
    assert.equal(machine.read('/sys/class/net/eth0/queues/tx-1/xps_cpus').split(',').length, 2);
    const all = ['tx-0', 'tx-1'].map((queue) => BigInt(`0x${machine.read(`/sys/class/net/eth0/queues/${queue}/xps_cpus`).replace(',', '')}`));
    assert.equal(all.reduce((sum, mask) => sum | mask, 0n), (1n << 40n) - 1n, 'every CPU has a queue');
    assert.equal(all.reduce((sum, mask) => sum & mask), 0n, 'and only one');
  });
});

describe('what is somebody else\'s', () => {
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
    const machine = make({ '/unit/LoadState': 'loaded', '/unit/LimitNOFILE': 'infinity', '/unit/Nice': '-10' });
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
    for (const qdisc of ['qdisc cake 8005: root refcnt 2', 'qdisc fq_codel 8001: root', 'qdisc mq 0: root\nqdisc pfifo_fast 0: parent :1\nqdisc fq_codel 0: parent :2']) {
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
    const machine = make({ '/etc/sysctl.conf': '# x\nnet.core.somaxconn=1024', '/etc/sysctl.d/10-early.conf': 'net.core.somaxconn = 1' });
    const { notes } = machine.report();
    assert.deepEqual(notes.filter((note) => note.includes('at boot, after')).map((note) => note.replace(machine.root, '')),
      [`/etc/sysctl.conf sets net.core.somaxconn to 1024 at boot, after ${AT_BOOT}`]);
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

  it('what the account may not write fails alone', { skip: process.getuid?.() !== 0 && 'needs root to become somebody else' }, () => {
    const machine = make();
    spawnSync('chown', ['-R', '65534:65534', machine.root]);
    spawnSync('chmod', ['755', machine.root]);
    spawnSync('chmod', ['444', `${machine.root}/proc/sys/net/core/somaxconn`, `${machine.root}/proc/irq/51/smp_affinity_list`]);
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', SCRIPT, '--root', machine.root, '--json'];
    const ran = spawnSync('setpriv', nobody, { encoding: 'utf8' });
    const applied = reportOf({ code: ran.status, out: ran.stdout, err: ran.stderr });
    assert.equal(applied.exit, 3);
    assert.deepEqual(withStatus(applied, 'failed'), ['net.core.somaxconn', '/proc/irq/51/smp_affinity_list']);
    assert.match(item(applied, 'net.core.somaxconn').note, /Permission denied/);
    assert.equal(machine.read('net.core.rmem_max'), '134217728');
    assert.doesNotMatch(machine.read(AT_BOOT), /somaxconn/, 'what was not set is not promised for the boot');
  });
});

describe('the table of settings', () => {
  const lines = readFileSync(join(PACKAGE, 'config/host-settings.conf'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const table = new Map(lines.map((line) => {
    const [name = '', rule = '', value = '', ...rest] = line.split('|').map((column) => column.trim());
    assert.equal(rest.length, 3, `six columns: ${line}`);
    for (const words of rest) assert.notEqual(words, '', line);
    return [name, `${rule} ${value}`] as const;
  }));

  it('has what the guide asks for', () => {
    const guide: Record<string, string> = {
      'net.core.rmem_max': 'at_least 134217728',
      'net.core.wmem_max': 'at_least 134217728',
      'net.ipv4.tcp_rmem': 'at_least 4096 87380 67108864',
      'net.ipv4.tcp_wmem': 'at_least 4096 65536 67108864',
      'net.core.somaxconn': 'at_least 4096',
      'net.ipv4.tcp_max_syn_backlog': 'at_least 8192',
      'net.ipv4.tcp_fastopen': 'bits 3',
      'net.ipv4.ip_local_port_range': 'widest 10000 65535',
      'net.ipv4.tcp_window_scaling': 'exactly 1',
      'net.ipv4.tcp_fin_timeout': 'at_most 15',
      'net.ipv4.tcp_tw_reuse': 'exactly 1',
      'nic.txqueuelen': 'at_least 5000',
      'nic.rps': 'exactly spread',
    };
    for (const [name, wanted] of Object.entries(guide)) assert.equal(table.get(name), wanted, name);
  });

  const rules: readonly (readonly [rule: string, there: string, value: string, wanted: string])[] = [
    ['at_least', '5', '10', '10'],
    ['at_least', '10', '9', '10'],
    ['at_least', '9', '10', '10'],
    ['at_least', '18446744073709551615', '1048576', '18446744073709551615'],
    ['at_least', '1 20 3', '2 10 30', '2 20 30'],
    ['enough', '0', '10', '0'],
    ['enough', '5', '10', '10'],
    ['at_most', '5', '10', '5'],
    ['at_most', '4294967295', '131072', '131072'],
    ['at_most', '-3', '-5', '-5'],
    ['exactly', '2', '1', '1'],
    ['bits', '1025', '3', '1027'],
    ['widest', '1024 60999', '10000 65535', '1024 65535'],
    ['widest', '9000 65535', '10000 65535', '9000 65535'],
    ['widest', '32768 60999', '10000 65535', '10000 65535'],
  ];
  it('has rules that never make a value worse', () => {
    const tree: Tree = {};
    rules.forEach(([, there], i) => (tree[`/proc/sys/vm/rule${i}`] = there));
    tree['/settings.conf'] = rules.map(([rule, , value], i) => `vm.rule${i} | ${rule} | ${value} | host | why | when`).join('\n');
    const machine = make(tree);
    machine.report('--settings', join(machine.root, 'settings.conf'), '--interface', 'none');
    rules.forEach(([rule, there, value, wanted], i) => {
      assert.equal(machine.read(`/proc/sys/vm/rule${i}`), wanted, `${rule}: ${there}, ${value}`);
    });
  });

  for (const [line, problem] of [
    ['net.core.x | at_least | 5 | netns | why', 'six columns'],
    ['net.core.x | rather | 5 | netns | why | when', 'no such rule'],
    ['net.core.x | exactly | 5 | world | why | when', 'six columns'],
    ['Net | exactly | 5 | netns | why | when', 'no name'],
    ['net.core.x | exactly | 5 | netns | a | b\nnet.core.x | exactly | 6 | netns | a | b', ':2: no name'],
  ] as const) {
    it(`refuses: ${line.split('\n').at(-1)}`, () => {
      const machine = make({ '/settings.conf': line });
      const { code, err } = machine.script('check', '--settings', join(machine.root, 'settings.conf'));
      assert.equal(code, 2);
      assert.ok(err.includes(problem), err);
    });
  }
});
