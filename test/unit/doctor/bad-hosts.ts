// Bad hosts, one a finding: how the good host is spoiled, the config that meets it, and what the doctor must say. The
// figures are worked out by hand in the comments; they are not copied from what the program printed.

import type { Onset, Severity } from '#src/doctor/finding.js';
import { type HostFiles, limits, oneQueue, status } from './hosts.ts';

export interface BadHost {
  readonly name: string;
  readonly spoil: HostFiles;
  /** Added to the config below. */
  readonly config: string;
  readonly id: string;
  readonly severity: Severity;
  readonly onset: Onset;
  /** Figures that the words must name. */
  readonly names: readonly (string | number)[];
  /** What the first remedy does not mend, since it is not one that a shell can carry out. */
  readonly byConfig?: true;
}

/** Two equal backends elsewhere, no pipes, 10 000 sessions. */
export const BASE_CONFIG = `
listen: 0.0.0.0:8080
workers: 4
max_connections: 10000
backlog: 4096
splice: off
backends: [ { host: 10.0.0.1, port: 9001 }, { host: 10.0.0.2, port: 9001 } ]
`;

const CAP_NET_ADMIN = 1n << 12n;
const MIB = 1024;

export const BAD_HOSTS: readonly BadHost[] = [
  {
    // 128 of the process, 4 + 2 for each of 4 workers: 152. (4096 - 152) / 2 = 1972.
    name: 'a descriptor limit of 4096',
    spoil: { '/proc/self/limits': limits(1024, 4096) },
    config: '',
    id: 'descriptors',
    severity: 'break',
    onset: { kind: 'sessions', count: 1972 },
    names: [4096, 10000, 20152],
  },
  {
    name: 'no limit of sessions at all',
    spoil: { '/proc/self/limits': limits(4096) },
    config: 'max_connections: 0',
    id: 'no-session-limit',
    severity: 'warning',
    onset: { kind: 'sessions', count: 1972 },
    names: ['max_connections', 4096],
    byConfig: true,
  },
  {
    // 152 + 16 idle pipes of 4 workers (128) + 20 000 sockets = 20 280; 30 000 leave room for 4860 pipes.
    name: 'descriptors for sockets but not for pipes',
    spoil: { '/proc/self/limits': limits(30000) },
    config: 'splice: on\npipe_size: 65536',
    id: 'descriptors-with-pipes',
    severity: 'warning',
    onset: { kind: 'stuck-directions', count: 4860 },
    names: [30000, 20280, 60280],
  },
  {
    // 16 000 - 1200 - 152 = 14 648, two a session.
    name: 'a small table of open files',
    spoil: { 'fs.file-max': '16000', '/proc/sys/fs/file-nr': '1200\t0\t16000' },
    config: '',
    id: 'open-files',
    severity: 'break',
    onset: { kind: 'sessions', count: 7324 },
    names: [16000, 1200],
  },
  {
    name: 'somaxconn of an old kernel',
    spoil: { 'net.core.somaxconn': '128' },
    config: '',
    id: 'backlog',
    severity: 'warning',
    onset: { kind: 'burst', count: 129 * 4 },
    names: [128, 4096],
  },
  {
    name: 'no SYN cookies and a short queue for handshakes',
    spoil: { 'net.ipv4.tcp_syncookies': '0', 'net.ipv4.tcp_max_syn_backlog': '512' },
    config: '',
    id: 'syn-backlog',
    severity: 'warning',
    onset: { kind: 'burst', count: 384 },
    names: [512, 4096],
  },
  {
    name: 'tcp_migrate_req off',
    spoil: { 'net.ipv4.tcp_migrate_req': '0' },
    config: '',
    id: 'migrate-requests',
    severity: 'advice',
    onset: { kind: 'always' },
    names: ['tcp_migrate_req'],
  },
  {
    name: 'port 443 for an account that may not bind it',
    spoil: {},
    config: 'listen: 0.0.0.0:443',
    id: 'privileged-port',
    severity: 'break',
    onset: { kind: 'start' },
    names: [443, 1024],
  },
  {
    name: 'a listener among the local ports',
    spoil: { 'net.ipv4.ip_local_reserved_ports': '12000-12001' },
    config: 'listen: 0.0.0.0:18080',
    id: 'listen-port-in-local-range',
    severity: 'advice',
    onset: { kind: 'start' },
    names: [18080, 10000, 65535],
  },
  {
    // 32768 to 60999 is 28 232 ports; half of 60 000 sessions go to each backend.
    name: 'the usual range of local ports',
    spoil: { 'net.ipv4.ip_local_port_range': '32768\t60999' },
    config: 'max_connections: 60000',
    id: 'local-ports',
    severity: 'break',
    onset: { kind: 'backend-sessions', count: 28232, backend: '10.0.0.1:9001' },
    names: [28232, 30000],
  },
  {
    // 28 232 - 100 that are reserved - 32 kept ready = 28 100.
    name: 'local ports that suffice only while both backends are up',
    spoil: {
      'net.ipv4.ip_local_port_range': '32768\t60999',
      'net.ipv4.ip_local_reserved_ports': '40000-40099',
    },
    config: 'max_connections: 30000\nconnection_pool: { min_size: 0, max_size: 32 }',
    id: 'local-ports-when-alone',
    severity: 'warning',
    onset: { kind: 'backend-sessions', count: 28100, backend: '10.0.0.1:9001' },
    names: [28132, 32, 15000],
  },
  {
    name: 'TIME_WAIT reused on loopback alone, backends elsewhere',
    spoil: { 'net.ipv4.tcp_tw_reuse': '2' },
    config: '',
    id: 'time-wait',
    severity: 'advice',
    onset: { kind: 'backend-rate', perSecond: 925, backend: '10.0.0.1:9001' }, // 55 536 / 60
    names: [55536, 60],
  },
  {
    name: 'fast open to backends, which the kernel does not permit',
    spoil: { 'net.ipv4.tcp_fastopen': '2' },
    config: 'connection_settings: { tcp_fastopen: 256 }',
    id: 'fast-open-connect',
    severity: 'break',
    onset: { kind: 'sessions', count: 0 },
    names: ['default', 'tcp_fastopen'],
  },
  {
    name: 'fast open for clients, which the kernel does not permit',
    spoil: { 'net.ipv4.tcp_fastopen': '1' },
    config: 'connection_settings: { tcp_fastopen: 256 }',
    id: 'fast-open-listen',
    severity: 'warning',
    onset: { kind: 'always' },
    names: ['default'],
  },
  {
    name: 'a congestion control that the kernel has not',
    spoil: {
      'net.ipv4.tcp_available_congestion_control': 'reno cubic',
      'net.ipv4.tcp_congestion_control': 'cubic',
    },
    config: 'connection_settings: { congestion_control: dctcp }',
    id: 'congestion-unavailable',
    severity: 'break',
    onset: { kind: 'start' },
    names: ['dctcp', 'listener default', 'pool default', 'reno, cubic'],
  },
  {
    name: 'the same for an account that may load it',
    spoil: {
      'net.ipv4.tcp_available_congestion_control': 'reno cubic',
      '/proc/self/status': status(CAP_NET_ADMIN),
    },
    config: 'connection_settings: { congestion_control: dctcp }',
    id: 'congestion-unavailable',
    severity: 'warning',
    onset: { kind: 'start' },
    names: ['dctcp'],
  },
  {
    name: 'a congestion control for privileged accounts only',
    spoil: { 'net.ipv4.tcp_allowed_congestion_control': 'reno cubic' },
    config: 'connection_settings: { congestion_control: bbr }',
    id: 'congestion-not-allowed',
    severity: 'break',
    onset: { kind: 'start' },
    names: ['bbr', 'reno, cubic'],
  },
  {
    name: 'BBR without fq',
    spoil: { 'net.core.default_qdisc': 'pfifo_fast' },
    config: '',
    id: 'pacing-without-fq',
    severity: 'advice',
    onset: { kind: 'always' },
    names: ['bbr', 'pfifo_fast'],
  },
  {
    name: 'a receive buffer above the ceiling',
    spoil: { 'net.core.rmem_max': '212992' },
    config: 'connection_settings: { receive_buffer: 1MiB }',
    id: 'receive-buffer',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [212992, 1048576],
  },
  {
    name: 'a send buffer above the ceiling',
    spoil: { 'net.core.wmem_max': '212992' },
    config: 'connection_settings: { send_buffer: 1MiB }',
    id: 'send-buffer',
    severity: 'warning',
    onset: { kind: 'always' },
    names: [212992, 1048576],
  },
  {
    name: 'no window scaling',
    spoil: { 'net.ipv4.tcp_window_scaling': '0' },
    config: '',
    id: 'window-scaling',
    severity: 'warning',
    onset: { kind: 'always' },
    names: ['64 KiB'],
  },
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
    // 160 MiB less 96 for the process; 10.5 KiB a session: 64 * 1024 / 10.5 = 6241.
    name: 'a machine with little memory',
    spoil: { '/proc/meminfo': `MemTotal: ${512 * MIB} kB\nMemAvailable: ${160 * MIB} kB\n` },
    config: '',
    id: 'memory',
    severity: 'break',
    onset: { kind: 'sessions', count: 6241 },
    names: ['160 MiB', 10000],
    byConfig: true,
  },
  {
    // 1000 sessions are 10.25 MiB at rest and 128 KiB each when stuck: (200 - 96 - 10.25) MiB / 128 KiB = 749.
    name: 'a control group with little memory',
    spoil: {
      '/sys/fs/cgroup/user.slice/memory.max': String(256 * MIB * 1024),
      '/sys/fs/cgroup/user.slice/memory.current': String(56 * MIB * 1024),
    },
    config: 'max_connections: 1000',
    id: 'memory-when-stuck',
    severity: 'warning',
    onset: { kind: 'stuck-sessions', count: 749 },
    names: ['200 MiB', 'control group', '128 KiB'],
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
