// Workers against the CPUs that they get, and against the CPUs that packets arrive on.

import type { Case } from '../demand.ts';
import type { DeviceFacts } from '../facts.ts';
import { formatList, formatMask } from '../files.ts';
import { type Finding, inConfig, type Remedy, run } from '../finding.ts';

export function workers({ config, facts, demand }: Case): readonly Finding[] {
  const allowed = facts.process.cpus;
  const findings: Finding[] = [];
  if (allowed !== undefined && demand.workers > allowed.length) {
    findings.push({
      id: 'too-many-workers',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `${demand.workers} workers share ${allowed.length} CPU${allowed.length === 1 ? '' : 's'}`,
      detail: `This process may run on ${formatList(allowed)}. Workers that wait for each other's CPU add their time slices to every answer.`,
      remedies: [inConfig(`workers: ${allowed.length}`)],
    });
  }
  const quota = facts.process.cpuQuota;
  if (quota !== undefined && quota < demand.workers) {
    findings.push({
      id: 'cpu-quota',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `${demand.workers} workers, but the control group allows ${quota} CPUs' time`,
      detail:
        'When that is used up, every worker stands still until the next period begins, usually for tens of milliseconds.',
      remedies: [
        inConfig(`workers: ${Math.max(1, Math.floor(quota))}`),
        run(`sudo systemctl set-property ultrabalancer-l4.service CPUQuota=${demand.workers * 100}%`),
      ],
    });
  }
  if (Array.isArray(config.cpu_affinity)) findings.push(...pinning({ config, facts, demand }));
  return findings;
}

function pinning({ facts, demand }: Case): readonly Finding[] {
  const usable = facts.process.cpus ?? facts.cpus.online;
  if (usable === undefined) return [];
  const findings: Finding[] = [];
  const missing = demand.pinned.filter((cpu) => !usable.includes(cpu));
  if (missing.length > 0) {
    findings.push({
      id: 'affinity-missing-cpu',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `cpu_affinity names CPU ${formatList(missing)}, which this process cannot have`,
      detail: `It may run on ${formatList(usable)}. A worker that cannot be pinned runs wherever there is room, often beside one that is.`,
      remedies: [inConfig(`cpu_affinity: [${usable.slice(0, demand.workers).join(', ')}]`)],
    });
  }
  if (demand.pinned.length < demand.workers && usable.length > demand.pinned.length) {
    const free = usable.filter((cpu) => !demand.pinned.includes(cpu));
    findings.push({
      id: 'affinity-too-short',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `${demand.workers} workers are pinned to ${demand.pinned.length} CPU${demand.pinned.length === 1 ? '' : 's'}`,
      detail:
        'A list that is shorter than the workers is used round and round, so that some share a CPU while others are idle.',
      remedies: [
        inConfig(`cpu_affinity: [${[...demand.pinned, ...free].slice(0, demand.workers).join(', ')}]`),
      ],
    });
  }
  return findings;
}

/** CPUs on which the kernel does the work of receiving. */
function receivingCpus(device: DeviceFacts): readonly number[] {
  const cpus = new Set(device.queues.flatMap((queue) => queue.rpsCpus));
  // A queue that hands nothing on is worked on where it interrupts.
  if (device.queues.some((queue) => queue.rpsCpus.length === 0))
    for (const cpu of device.irqCpus) cpus.add(cpu);
  return [...cpus].sort((a, b) => a - b);
}

function handOn(device: DeviceFacts, cpus: readonly number[]): Remedy {
  const mask = formatMask(cpus);
  const files = device.queues.map((queue) => `/sys/class/net/${device.name}/queues/${queue.name}/rps_cpus`);
  return run(`echo ${mask} | sudo tee ${files.join(' ')}`);
}

function isLocal({ config }: Case): boolean {
  const here = (host: string): boolean => host.startsWith('127.') || host === '::1' || host === 'localhost';
  return (
    config.listeners.every((listener) => listener.listen.every(({ host }) => here(host))) &&
    config.pools.every((pool) => pool.backends.every(({ host }) => here(host)))
  );
}

export function arrivals(about: Case): readonly Finding[] {
  const { facts, demand } = about;
  // What never leaves the machine meets no device.
  if (isLocal(about)) return [];
  const workerCpus =
    demand.pinned.length > 0 ? demand.pinned : (facts.process.cpus ?? facts.cpus.online ?? []);
  return facts.devices.flatMap((device): Finding[] => {
    const findings: Finding[] = [];
    const receiving = receivingCpus(device);
    if (receiving.length === 1 && workerCpus.length > 1) {
      findings.push({
        id: 'receive-on-one-cpu',
        severity: 'warning',
        onset: { kind: 'always' },
        title: `Every packet of ${device.name} is received on CPU ${receiving[0]}`,
        detail: `${device.queues.length} receive queue${device.queues.length === 1 ? '' : 's'}, and none is handed on. When that CPU is busy with packets, ${workerCpus.length} worker CPUs wait for it.`,
        remedies: [
          handOn(device, workerCpus),
          run(
            `sudo ./scripts/tune-host.sh --interface ${device.name} --worker-cpus ${formatList(workerCpus)}`,
          ),
        ],
      });
    } else if (
      demand.pinned.length > 0 &&
      receiving.length > 0 &&
      !receiving.some((cpu) => demand.pinned.includes(cpu))
    ) {
      findings.push({
        id: 'receive-elsewhere',
        severity: 'advice',
        onset: { kind: 'always' },
        title: `${device.name} is received on CPU ${formatList(receiving)}, workers are pinned to ${formatList(demand.pinned)}`,
        detail:
          'Every packet crosses from one CPU to another. That is right where receiving needs CPUs of its own, and a loss where it does not.',
        remedies: [
          handOn(device, demand.pinned),
          run(
            `sudo ./scripts/tune-host.sh --interface ${device.name} --worker-cpus ${formatList(demand.pinned)}`,
          ),
        ],
      });
    }
    return [...findings, ...otherNode(about, device)];
  });
}

function otherNode({ facts, demand }: Case, device: DeviceFacts): readonly Finding[] {
  const near = facts.cpus.nodes.find(({ node }) => node === device.node)?.cpus ?? [];
  if (facts.cpus.nodes.length < 2 || near.length === 0 || demand.pinned.length === 0) return [];
  const far = demand.pinned.filter((cpu) => !near.includes(cpu));
  if (far.length === 0) return [];
  return [
    {
      id: 'other-memory-node',
      severity: 'advice',
      onset: { kind: 'always' },
      title: `CPU ${formatList(far)} is not on the memory node of ${device.name}`,
      detail: `${device.name} is on node ${device.node}, whose CPUs are ${formatList(near)}: packets for the others cross between sockets.`,
      remedies: [inConfig(`cpu_affinity: [${near.slice(0, demand.workers).join(', ')}]`)],
    },
  ];
}
