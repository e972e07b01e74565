// Prepared hosts: a folder that looks like /proc and /sys of a machine that lacks nothing, and ways to spoil it. The
// remedies that the doctor gives are carried out on such a folder by a shell whose sudo, sysctl and prlimit work on it.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Config } from '#src/config/config.js';
import { loadConfigText } from '#src/config/load.js';

export type HostFiles = Record<string, string | null>;

const CPUS = 8;

export function limits(soft: number | string, hard: number | string = soft): string {
  return `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}                ${hard}               files     \n`;
}

export function status(capabilities: bigint, cpus = `0-${CPUS - 1}`): string {
  return `Name:\tnode\nCapEff:\t${capabilities.toString(16).padStart(16, '0')}\nCpus_allowed_list:\t${cpus}\n`;
}

const sysctl = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

/** A fast machine that is set up well, seen by an account without privileges. */
function goodHost(): HostFiles {
  const kernel: Record<string, string> = {
    'net.core.somaxconn': '4096',
    'net.core.rmem_max': '134217728',
    'net.core.wmem_max': '134217728',
    'net.core.default_qdisc': 'fq',
    'net.ipv4.tcp_max_syn_backlog': '8192',
    'net.ipv4.tcp_syncookies': '1',
    'net.ipv4.tcp_migrate_req': '1',
    'net.ipv4.tcp_fastopen': '3',
    'net.ipv4.ip_local_port_range': '10000\t65535',
    'net.ipv4.ip_local_reserved_ports': '',
    'net.ipv4.ip_unprivileged_port_start': '1024',
    'net.ipv4.tcp_tw_reuse': '1',
    'net.ipv4.tcp_window_scaling': '1',
    'net.ipv4.tcp_rmem': '4096\t131072\t67108864',
    'net.ipv4.tcp_wmem': '4096\t65536\t67108864',
    'net.ipv4.tcp_mem': '1500000\t2000000\t3000000',
    'net.ipv4.tcp_congestion_control': 'bbr',
    'net.ipv4.tcp_available_congestion_control': 'reno cubic bbr',
    'net.ipv4.tcp_allowed_congestion_control': 'reno cubic bbr',
    'fs.file-max': '9223372036854775807',
    'fs.file-nr': '1200\t0\t9223372036854775807',
    'fs.nr_open': '1048576',
    'fs.pipe-user-pages-soft': '1310720',
    'fs.pipe-max-size': '1048576',
  };
  const files: HostFiles = {
    '/proc/self/limits': limits(1024, 1048576),
    '/proc/self/status': status(0n),
    '/proc/self/cgroup': '0::/user.slice\n',
    '/proc/meminfo': `MemTotal:       65536000 kB\nMemFree:        1000 kB\nMemAvailable:   60000000 kB\n`,
    '/sys/fs/cgroup/user.slice/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/user.slice/memory.max': 'max\n',
    '/sys/devices/system/cpu/online': `0-${CPUS - 1}\n`,
    '/sys/devices/system/node/node0/cpulist': `0-${CPUS - 1}\n`,
    '/sys/class/net/eth0/operstate': 'up\n',
    '/sys/class/net/eth0/device': '-> ../../../devices/pci0000:00/0000:00:04.0',
    '/sys/devices/pci0000:00/0000:00:04.0/numa_node': '0\n',
    '/sys/class/net/lo/operstate': 'unknown\n',
  };
  for (const [name, value] of Object.entries(kernel)) files[sysctl(name)] = `${value}\n`;
  let interrupts = `${' '.repeat(12)}${Array.from({ length: CPUS }, (_, cpu) => `CPU${cpu}`).join('       ')}\n`;
  for (let queue = 0; queue < CPUS; queue++) {
    const irq = 40 + queue;
    files[`/sys/class/net/eth0/queues/rx-${queue}/rps_cpus`] = '00\n';
    files[`/sys/devices/pci0000:00/0000:00:04.0/msi_irqs/${irq}`] = 'msix\n';
    files[`/proc/irq/${irq}/effective_affinity_list`] = `${queue}\n`;
    interrupts += ` ${irq}: ${'1 '.repeat(CPUS)} PCI-MSIX-0000:00:04.0 ${queue}-edge eth0-TxRx-${queue}\n`;
  }
  files['/sys/devices/pci0000:00/0000:00:04.0/msi_irqs/39'] = 'msix\n';
  files['/proc/irq/39/effective_affinity_list'] = '7\n';
  files['/proc/interrupts'] =
    `${interrupts} 39: ${'1 '.repeat(CPUS)} PCI-MSIX-0000:00:04.0 9-edge eth0-control\n`;
  return files;
}

/** One queue, one interrupt: `eth0` of a small virtual machine. */
export function oneQueue(rpsCpus = '00'): HostFiles {
  const spoiled: HostFiles = { '/sys/class/net/eth0/queues/rx-0/rps_cpus': `${rpsCpus}\n` };
  for (let queue = 1; queue < CPUS; queue++) {
    spoiled[`/sys/class/net/eth0/queues/rx-${queue}`] = null;
    spoiled[`/sys/devices/pci0000:00/0000:00:04.0/msi_irqs/${40 + queue}`] = null;
  }
  return spoiled;
}

export interface PreparedHost {
  readonly root: string;
  write(files: HostFiles): void;
  /** Runs a command of the doctor's on this folder instead of on the machine. */
  mend(command: string): void;
  remove(): void;
}

/** `null` takes a file away; text that begins with `-> ` makes a link; names without `/` are kernel settings. */
export function prepareHost(spoil: HostFiles = {}): PreparedHost {
  const root = mkdtempSync(join(tmpdir(), 'doctor-host-'));
  function write(files: HostFiles): void {
    for (const [name, content] of Object.entries(files)) {
      const path = root + (name.startsWith('/') ? name : sysctl(name));
      rmSync(path, { recursive: true, force: true });
      if (content === null) continue;
      mkdirSync(dirname(path), { recursive: true });
      if (content.startsWith('-> ')) symlinkSync(content.slice(3), path);
      else writeFileSync(path, content);
    }
  }
  write(goodHost());
  write(spoil);

  function mend(command: string): void {
    const script = `
      sudo() { "$@"; }
      sysctl() { local file="$ROOT/proc/sys/\${2%%=*}"; file=\${file//./\\/}; printf '%s\\n' "\${2#*=}" >"$OUT/\${2%%=*}"; }
      prlimit() { printf 'Max open files            %s                %s               files\\n' "\${3#--nofile=}" "\${3#*:}" | sed 's/:[0-9]*//' >"$ROOT/proc/self/limits"; }
      tc() { [[ $1 == qdisc ]]; }
      modprobe() { printf ' %s' "\${1#tcp_}" >>"$OUT/modules"; }
      systemctl() { :; }
      ${command.replaceAll(' /sys/', ' $ROOT/sys/').replaceAll(' /etc/', ' $ROOT/etc/')}
    `;
    const out = mkdtempSync(join(tmpdir(), 'doctor-mend-'));
    try {
      execFileSync('bash', ['-euc', script], {
        env: { ...process.env, ROOT: root, OUT: out },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      applySettings(root, out);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  }
  return { root, write, mend, remove: () => rmSync(root, { recursive: true, force: true }) };
}

function applySettings(root: string, out: string): void {
  for (const name of readdirSync(out)) {
    const content = readFileSync(join(out, name), 'utf8');
    if (name === 'modules') {
      const file = join(root, '/proc/sys/net/ipv4/tcp_available_congestion_control');
      writeFileSync(file, `${readFileSync(file, 'utf8').trim()}${content}\n`);
    } else if (existsSync(root + sysctl(name))) {
      writeFileSync(root + sysctl(name), content);
    } else {
      throw new Error(`no such kernel setting on this host: ${name}`);
    }
  }
}

/** A config from its text, or the test ends. */
export function configOf(text: string): Config {
  const result = loadConfigText('/etc/balancer.yaml', text);
  if (!result.ok) throw new Error(result.issues.map((issue) => issue.message).join('\n'));
  return result.config;
}
