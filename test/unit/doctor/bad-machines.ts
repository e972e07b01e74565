// Bad hosts, second part: quotas, tables, CPUs, cards and memory.

import type { BadHost } from './bad-hosts.ts';
import { type HostFiles, oneQueue, status } from './hosts.ts';

const MIB = 1024;

export const BAD_MACHINES: readonly BadHost[] = [
  {
    // 16 384 pages, 64 to a pipe of 256 KiB; 500 sessions may want 1000 of them.
    name: 'the usual quota of pipes',
    spoil: { 'fs.pipe-user-pages-soft': '16384' },
    config: 'splice: on\nmax_connections: 500\npipe_size: 256KiB',
    id: 'pipe-quota',
    severity: 'warning',
    onset: { kind: 'stuck-directions', count: 256 },
    names: [256, 16384, 1000],
  },
  {
    name: 'pipes larger than an account may have',
    spoil: { 'fs.pipe-max-size': '65536' },
    config: 'splice: auto\nmax_connections: 500\npipe_size: 256KiB',
    id: 'pipe-size',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [262144, 65536],
  },
  {
    name: 'a table of tracked connections that is too small',
    spoil: conntrack(16384, 16384, 900),
    config: '',
    id: 'conntrack',
    severity: 'break',
    onset: { kind: 'sessions', count: 8192 },
    names: [16384, 900],
  },
  {
    name: 'the same where nothing is tracked',
    spoil: conntrack(16384, 16384, 0),
    config: '',
    id: 'conntrack',
    severity: 'advice',
    onset: { kind: 'sessions', count: 8192 },
    names: [16384],
  },
  {
    // 20 000 entries in 1024 chains; at 8 to a chain it is 8192 entries, 4096 sessions.
    name: 'tracked connections in long chains',
    spoil: conntrack(262144, 1024, 900),
    config: '',
    id: 'conntrack-buckets',
    severity: 'advice',
    onset: { kind: 'sessions', count: 4096 },
    names: [1024, 20000],
  },
  {
    name: 'more workers than CPUs',
    spoil: { '/proc/self/status': status(0n, '2-3') },
    config: '',
    id: 'too-many-workers',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [4, 2, '2-3'],
    byConfig: true,
  },
  {
    name: 'a control group with two CPUs',
    spoil: { '/sys/fs/cgroup/user.slice/cpu.max': '200000 100000\n' },
    config: '',
    id: 'cpu-quota',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [4, 2],
    byConfig: true,
  },
  {
    name: 'workers pinned to a CPU that is not there',
    spoil: {},
    config: 'cpu_affinity: [0, 1, 2, 11]',
    id: 'affinity-missing-cpu',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [11, '0-7', '[0, 1, 2, 3]'],
    byConfig: true,
  },
  {
    name: 'four workers pinned to two CPUs',
    spoil: {},
    config: 'cpu_affinity: [0, 1]',
    id: 'affinity-too-short',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [4, 2, '[0, 1, 2, 3]'],
    byConfig: true,
  },
  {
    name: 'a card with one queue that hands nothing on',
    spoil: oneQueue(),
    config: 'cpu_affinity: [0, 1, 2, 3]',
    id: 'receive-on-one-cpu',
    severity: 'warning',
    onset: { kind: 'always' },
    names: ['eth0', 'CPU 0', 'echo f |'],
  },
  {
    name: 'packets handed to CPUs that have no worker',
    spoil: oneQueue('c0'),
    config: 'cpu_affinity: [0, 1, 2, 3]',
    id: 'receive-elsewhere',
    severity: 'advice',
    onset: { kind: 'always' },
    names: ['eth0', '6-7', '0-3'],
  },
  {
    name: 'workers on another memory node than the card',
    spoil: {
      '/sys/devices/system/node/node0/cpulist': '0-3\n',
      '/sys/devices/system/node/node1/cpulist': '4-7\n',
    },
    config: 'cpu_affinity: [2, 3, 4, 5]',
    id: 'other-memory-node',
    severity: 'advice',
    onset: { kind: 'always' },
    names: ['4-5', 'node 0', '0-3'],
    byConfig: true,
  },
  {
    // 192 MiB less 128 for the process; 10.5 KiB a session: 64 * 1024 / 10.5 = 6241.
    name: 'a machine with little memory',
    spoil: { '/proc/meminfo': `MemTotal: ${512 * MIB} kB\nMemAvailable: ${192 * MIB} kB\n` },
    config: '',
    id: 'memory',
    severity: 'break',
    onset: { kind: 'sessions', count: 6241 },
    names: ['192 MiB', 10000],
    byConfig: true,
  },
  {
    // 1000 sessions are 10.25 MiB at rest and 128 KiB each when stuck: (232 - 128 - 10.25) MiB / 128 KiB = 749.
    name: 'a control group with little memory',
    spoil: {
      '/sys/fs/cgroup/user.slice/memory.max': String(288 * MIB * 1024),
      '/sys/fs/cgroup/user.slice/memory.current': String(56 * MIB * 1024),
    },
    config: 'max_connections: 1000',
    id: 'memory-when-stuck',
    severity: 'warning',
    onset: { kind: 'stuck-sessions', count: 749 },
    names: ['232 MiB', 'control group', '128 KiB'],
    byConfig: true,
  },
  {
    // Both sockets of a session with full buffers: 2 * (131 072 + 65 536) = 384 KiB; 400 000 pages / 96 = 4166.
    name: 'little memory for TCP',
    spoil: { 'net.ipv4.tcp_mem': '300000\t400000\t600000' },
    config: '',
    id: 'tcp-memory',
    severity: 'advice',
    onset: { kind: 'stuck-sessions', count: 4166 },
    names: ['384 KiB'],
  },
];

function conntrack(most: number, buckets: number, now: number): HostFiles {
  return {
    'net.netfilter.nf_conntrack_max': `${most}\n`,
    'net.netfilter.nf_conntrack_buckets': `${buckets}\n`,
    'net.netfilter.nf_conntrack_count': `${now}\n`,
  };
}
