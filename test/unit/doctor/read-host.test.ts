// What is read, what cannot be read, and that nothing odd in a file is ever a crash.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, describe, it } from 'node:test';

import fc from 'fast-check';

import { diagnose } from '#src/doctor/diagnose.js';
import { formatList, formatMask, parseList, parseMask } from '#src/doctor/files.js';
import { readHost } from '#src/doctor/read-host.js';
import { BASE_CONFIG } from './bad-hosts.ts';
import { configOf, limits, prepareHost, status, type PreparedHost } from './hosts.ts';

const prepared: PreparedHost[] = [];
after(() => prepared.forEach((host) => host.remove()));
function hostWith(...spoil: Parameters<typeof prepareHost>): PreparedHost {
  const host = prepareHost(...spoil);
  prepared.push(host);
  return host;
}

describe('lists and masks', () => {
  it('read what the kernel writes', () => {
    assert.deepEqual(parseList('0-2,5,7-8\n'), [0, 1, 2, 5, 7, 8]);
    assert.deepEqual(parseList('\n'), []);
    assert.equal(parseList('0-2,x'), undefined);
    assert.equal(parseList('0-4000000000'), undefined, 'no list that fills memory');
    assert.deepEqual(parseMask('00000001,80000003\n'), [0, 1, 31, 32]);
    assert.equal(parseMask('mask'), undefined);
    assert.equal(formatMask([0, 1, 31, 32]), '1,80000003');
    assert.equal(formatMask([]), '0');
  });

  it('write what they read', () => {
    const cpus = fc
      .uniqueArray(fc.nat(300), { minLength: 1, maxLength: 40 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(cpus, (list) => {
        assert.deepEqual(parseList(formatList(list)), list);
        assert.deepEqual(parseMask(formatMask(list)), list);
      }),
    );
  });
});

describe('a process', () => {
  it('that runs is judged by its own limits, as they are', () => {
    const host = hostWith({
      '/proc/4711/limits': limits(2000, 500000),
      '/proc/4711/status': status(1n << 24n, '1,3'),
      '/proc/4711/cgroup': '0::/system.slice/balancer.service\n',
      '/sys/fs/cgroup/system.slice/balancer.service/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000\n',
    });
    const { process } = readHost({ root: host.root, pid: 4711 });
    assert.deepEqual(process, {
      pid: 4711,
      descriptors: { soft: 2000, hard: 500000 },
      cpus: [1, 3],
      capabilities: 1n << 24n,
      cpuQuota: 1.5,
      memoryLeft: undefined,
    });
    const findings = diagnose(configOf(BASE_CONFIG), readHost({ root: host.root, pid: 4711 }));
    const descriptors = findings.find((finding) => finding.id === 'descriptors');
    assert.deepEqual(
      descriptors?.onset,
      { kind: 'sessions', count: 924 },
      'by the soft limit: (2000 - 152) / 2',
    );
    assert.match(JSON.stringify(descriptors.remedies[0]), /--pid 4711/);
  });

  it('has the tightest of the groups above it', () => {
    const group = '/sys/fs/cgroup/a/b';
    const host = hostWith({
      '/proc/self/cgroup': '0::/a/b\n',
      [`${group}/memory.max`]: '1000000',
      [`${group}/memory.current`]: '100000',
      '/sys/fs/cgroup/a/memory.max': '700000',
      '/sys/fs/cgroup/a/memory.current': '400000',
      [`${group}/cpu.max`]: 'max 100000',
      '/sys/fs/cgroup/a/cpu.max': '50000 100000',
    });
    const { process } = readHost({ root: host.root });
    assert.equal(process.memoryLeft, 300000);
    assert.equal(process.cpuQuota, 0.5);
  });

  it('in groups of the first kind', () => {
    const host = hostWith({
      '/proc/self/cgroup': '4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n',
      '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': '2000000',
      '/sys/fs/cgroup/memory/box/memory.usage_in_bytes': '500000',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '300000',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
    });
    const { process } = readHost({ root: host.root });
    assert.equal(process.memoryLeft, 1500000);
    assert.equal(process.cpuQuota, 3);
  });
});

describe('devices', () => {
  it('are the hardware ones that are up, with the interrupts of their queues alone', () => {
    const host = hostWith({
      '/sys/class/net/eth1/operstate': 'down\n',
      '/sys/class/net/eth1/device': '-> ../../../devices/pci0000:00/0000:00:04.0',
      '/sys/class/net/veth7/operstate': 'up\n',
    });
    const { devices } = readHost({ root: host.root });
    assert.deepEqual(
      devices.map(({ name }) => name),
      ['eth0'],
    );
    assert.deepEqual(devices[0]?.irqCpus, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(devices[0].queues.length, 8);
  });

  it('find the interrupts of a virtio device one level up', () => {
    const bus = '/sys/devices/pci0000:00/0000:00:09.0';
    const host = hostWith({
      '/sys/class/net/eth0/device': '-> ../../../devices/pci0000:00/0000:00:09.0/virtio2',
      [`${bus}/virtio2/vendor`]: '0x1af4',
      [`${bus}/msi_irqs/90`]: 'msix',
      [`${bus}/msi_irqs/91`]: 'msix',
      '/proc/irq/90/effective_affinity_list': '5\n',
      '/proc/irq/91/effective_affinity_list': '6\n',
      '/proc/interrupts':
        '      CPU0\n 90: 1 PCI-MSIX 0-edge virtio2-config\n 91: 1 PCI-MSIX 1-edge virtio2-input.0\n',
    });
    assert.deepEqual(readHost({ root: host.root }).devices[0]?.irqCpus, [6]);
  });
});

describe('what cannot be read', () => {
  it('is named, and not judged', () => {
    const host = hostWith();
    rmSync(`${host.root}/proc/sys`, { recursive: true });
    const facts = readHost({ root: host.root });
    assert.ok(facts.unread.includes('net.core.somaxconn'));
    assert.deepEqual(diagnose(configOf(BASE_CONFIG), facts), []);
  });

  it('an empty folder is a host of which nothing is known', () => {
    const facts = readHost({ root: '/nonexistent-folder' });
    assert.ok(facts.unread.length > 20);
    assert.deepEqual(diagnose(configOf(BASE_CONFIG), facts), []);
  });

  it('nothing that a file may hold is a crash', () => {
    const host = hostWith();
    const names = [
      '/proc/self/limits',
      '/proc/self/status',
      '/proc/self/cgroup',
      '/proc/meminfo',
      '/proc/interrupts',
      'net.ipv4.tcp_mem',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.ip_local_reserved_ports',
      'net.core.somaxconn',
      '/sys/devices/system/cpu/online',
      '/sys/class/net/eth0/queues/rx-0/rps_cpus',
    ];
    const content = fc.oneof(
      fc.string(),
      fc.constantFrom('', '-1', '99999999999999999999', '7 8 9 x', '1-0', 'Max open files  unlimited  x'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), content, (name, text) => {
        if (text.startsWith('-> ')) return;
        host.write({ [name]: text });
        const findings = diagnose(configOf(BASE_CONFIG), readHost({ root: host.root }));
        for (const finding of findings)
          assert.ok(!/NaN|undefined|Infinity/.test(JSON.stringify(finding)), JSON.stringify(finding));
      }),
      { numRuns: 300 },
    );
  });
});
