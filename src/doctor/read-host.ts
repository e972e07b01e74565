// From the files of a host to HostFacts. Reads and judges nothing; what a figure means is for diagnose.ts to say.
// Works on any tree that looks like /proc and /sys, so that a bad host can be prepared in a folder.

import type { ConntrackFacts, HostFacts, KernelFacts } from './facts.ts';
import { createFiles, type Files, parseList } from './files.ts';
import { readDevices } from './read-devices.ts';
import { readProcess } from './read-process.ts';

export interface HostSource {
  /** Folder that stands for `/`; the live host where it is absent. */
  readonly root?: string;
  /** A running balancer to judge by its own limits; else what this very process may do is taken. */
  readonly pid?: number;
}

function readKernel(files: Files): KernelFacts {
  const number = (name: string): number | undefined => {
    const content = files.sysctl(name);
    return content !== undefined && /^-?\d+$/.test(content) ? Number(content) : undefined;
  };
  const words = (name: string): readonly string[] | undefined =>
    files.sysctl(name)?.split(/\s+/).filter(Boolean);
  const numbers = (name: string, count: number): readonly number[] | undefined => {
    const all = words(name)?.map(Number);
    return all?.length === count && all.every(Number.isFinite) ? all : undefined;
  };
  const ports = numbers('net.ipv4.ip_local_port_range', 2);
  const reserved = files.sysctl('net.ipv4.ip_local_reserved_ports');
  return {
    somaxconn: number('net.core.somaxconn'),
    synBacklog: number('net.ipv4.tcp_max_syn_backlog'),
    synCookies: number('net.ipv4.tcp_syncookies'),
    migrateRequests: number('net.ipv4.tcp_migrate_req'),
    fastOpen: number('net.ipv4.tcp_fastopen'),
    localPorts: ports === undefined ? undefined : [ports[0] ?? 0, ports[1] ?? 0],
    reservedPorts: reserved === undefined ? undefined : parseList(reserved),
    unprivilegedPortStart: number('net.ipv4.ip_unprivileged_port_start'),
    reuseTimeWait: number('net.ipv4.tcp_tw_reuse'),
    windowScaling: number('net.ipv4.tcp_window_scaling'),
    receiveBufferMax: number('net.core.rmem_max'),
    sendBufferMax: number('net.core.wmem_max'),
    tcpReceive: numbers('net.ipv4.tcp_rmem', 3),
    tcpSend: numbers('net.ipv4.tcp_wmem', 3),
    tcpMemory: numbers('net.ipv4.tcp_mem', 3),
    congestion: files.sysctl('net.ipv4.tcp_congestion_control'),
    congestionAvailable: words('net.ipv4.tcp_available_congestion_control'),
    congestionAllowed: words('net.ipv4.tcp_allowed_congestion_control'),
    defaultQdisc: files.sysctl('net.core.default_qdisc'),
    openLimit: number('fs.file-max'),
    openFiles: files.number('/proc/sys/fs/file-nr'),
    descriptorCeiling: number('fs.nr_open'),
    pipePagesSoft: number('fs.pipe-user-pages-soft'),
    pipeSizeMax: number('fs.pipe-max-size'),
  };
}

/** Its settings exist only while it is loaded, so that their absence is no gap. */
function readConntrack(files: Files): ConntrackFacts | undefined {
  const most = files.number('/proc/sys/net/netfilter/nf_conntrack_max');
  if (most === undefined) return undefined;
  return {
    most,
    buckets: files.number('/proc/sys/net/netfilter/nf_conntrack_buckets'),
    now: files.number('/proc/sys/net/netfilter/nf_conntrack_count'),
  };
}

function readMemory(files: Files): HostFacts['memory'] {
  const content = files.text('/proc/meminfo') ?? '';
  const bytes = (name: string): number | undefined => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(content);
    return match === null ? undefined : Number(match[1]) * 1024;
  };
  return { total: bytes('MemTotal'), available: bytes('MemAvailable') };
}

function readCpus(files: Files): HostFacts['cpus'] {
  const base = '/sys/devices/system/node';
  const nodes = files
    .names(base)
    .filter((name) => /^node\d+$/.test(name))
    .map((name) => ({ node: Number(name.slice(4)), cpus: files.list(`${base}/${name}/cpulist`) ?? [] }));
  return { online: files.list('/sys/devices/system/cpu/online'), nodes };
}

/** Never throws: what cannot be read is undefined and named in `unread`. */
export function readHost(source: HostSource = {}): HostFacts {
  const files = createFiles(source.root ?? '');
  return {
    process: readProcess(files, source.pid),
    kernel: readKernel(files),
    conntrack: readConntrack(files),
    memory: readMemory(files),
    cpus: readCpus(files),
    devices: readDevices(files),
    unread: files.unread,
  };
}
