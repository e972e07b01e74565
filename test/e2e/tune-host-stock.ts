// A machine as a folder: eight CPUs, two memory nodes, a card with two queues, systemd, and settings as a distribution
// leaves them. Its ip, ethtool, tc and systemctl keep their figures in files below /card and /unit and print what the
// real ones print, as far as scripts/tune-host.sh reads it.

import type { Tree } from './tune-host-lab.ts';

/** A program of the machine's; $R is the machine's root. */
const program = (text: string): string =>
  `#!/bin/bash\nset -eu\nR=$(cd "$(dirname "$0")/../.." && pwd)\n${text}`;

const TOOLS: Tree = {
  '/usr/sbin/ip': program(
    '[[ "$1 $2 $3 $5" == "link set dev txqueuelen" ]]; echo "$6" >"$R/sys/class/net/$4/tx_queue_len"',
  ),
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
export function stock(): Tree {
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
