// Hardware network devices: their receive queues, where those interrupt, and who the packets are handed on to. What is
// virtual (bridges, veth, loopback) has no interrupts of its own and is left out.

import type { DeviceFacts } from './facts.ts';
import type { Files } from './files.ts';

/** Interrupt numbers of a device that belong to a queue, and not to what configures or watches over it. */
function queueInterrupts(files: Files, device: string): readonly number[] {
  const base = `/sys/class/net/${device}/device`;
  const own = files.names(`${base}/msi_irqs`);
  // A virtio device has its interrupts at the bus device above it.
  const numbers = new Set(own.length > 0 ? own : files.names(`${base}/../msi_irqs`));
  const parent = files.link(base)?.split('/').at(-1) ?? device;
  const found: number[] = [];
  for (const line of (files.text('/proc/interrupts') ?? '').split('\n')) {
    const match = /^\s*(\d+):.*\s(\S+)$/.exec(line);
    if (match === null || !numbers.has(match[1] ?? '')) continue;
    const action = match[2] ?? '';
    const ours = action.includes(device) || action.startsWith(`${parent}-`) || /rx|tx/i.test(action);
    if (ours && !/config|control|event|async|mgmt|admin|fdir|ctrl/.test(action)) found.push(Number(match[1]));
  }
  return found;
}

function readDevice(files: Files, name: string): DeviceFacts {
  const base = `/sys/class/net/${name}`;
  const node = files.number(`${base}/device/numa_node`);
  const irqCpus = new Set<number>();
  for (const irq of queueInterrupts(files, name)) {
    // A mask may allow many CPUs of which the chip uses one.
    const cpus =
      files.list(`/proc/irq/${irq}/effective_affinity_list`) ??
      files.list(`/proc/irq/${irq}/smp_affinity_list`);
    for (const cpu of cpus ?? []) irqCpus.add(cpu);
  }
  return {
    name,
    node: node === undefined || node < 0 ? undefined : node,
    queues: files
      .names(`${base}/queues`)
      .filter((queue) => queue.startsWith('rx-'))
      .map((queue) => ({ name: queue, rpsCpus: files.mask(`${base}/queues/${queue}/rps_cpus`) ?? [] })),
    irqCpus: [...irqCpus].sort((a, b) => a - b),
  };
}

export function readDevices(files: Files): readonly DeviceFacts[] {
  return files
    .names('/sys/class/net')
    .filter((name) => files.names(`/sys/class/net/${name}/device`).length > 0)
    .filter((name) => ['up', 'unknown'].includes(files.words(`/sys/class/net/${name}/operstate`)?.[0] ?? ''))
    .map((name) => readDevice(files, name));
}
