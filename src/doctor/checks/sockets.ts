// Options that the config sets on sockets, against what this kernel lets a socket have.

import type { Listener, Pool } from '../../config/config.ts';
import type { Case } from '../demand.ts';
import { type DeviceFacts, mayUse } from '../facts.ts';
import { type Finding, setSysctl, inConfig, run } from '../finding.ts';

/** The kernel cuts what is asked for, and reports twice of it: that is its book-keeping. */
export function socketBuffers({ config, facts }: Case): readonly Finding[] {
  const limits = [
    { key: 'receive_buffer', sysctl: 'net.core.rmem_max', most: facts.kernel.receiveBufferMax },
    { key: 'send_buffer', sysctl: 'net.core.wmem_max', most: facts.kernel.sendBufferMax },
  ] as const;
  const sides = [...config.listeners, ...config.pools];
  return limits.flatMap(({ key, sysctl, most }): Finding[] => {
    const wanted = Math.max(0, ...sides.map((side) => side.connection_settings[key]));
    if (most === undefined || wanted <= most) return [];
    return [
      {
        id: key.replace('_', '-'),
        severity: 'warning',
        onset: { kind: 'always' },
        title: `${key} ${wanted} is cut to ${most}`,
        detail: `${sysctl} is ${most}. A buffer that is set stays at that size; one that is not set (0) grows by itself up to ${key === 'receive_buffer' ? 'tcp_rmem' : 'tcp_wmem'}.`,
        remedies: [setSysctl(sysctl, wanted), inConfig(`connection_settings: { ${key}: 0 }`)],
      },
    ];
  });
}

const FAST_OPEN_CONNECT = 1;
const FAST_OPEN_LISTEN = 2;

export function fastOpen({ config, facts }: Case): readonly Finding[] {
  const bits = facts.kernel.fastOpen;
  if (bits === undefined) return [];
  const findings: Finding[] = [];
  const listeners = config.listeners.filter((listener) => listener.connection_settings.tcp_fastopen > 0);
  const pools = config.pools.filter((pool) => pool.connection_settings.tcp_fastopen > 0);
  if (pools.length > 0 && (bits & FAST_OPEN_CONNECT) === 0) {
    findings.push({
      id: 'fast-open-connect',
      severity: 'break',
      onset: { kind: 'sessions', count: 0 },
      title: `No backend of pool ${pools.map((pool) => pool.name).join(', ')} can be connected to`,
      detail: `tcp_fastopen is set, and net.ipv4.tcp_fastopen (${bits}) lacks the bit for connecting: the kernel refuses the option, and every connect fails.`,
      remedies: [
        setSysctl('net.ipv4.tcp_fastopen', bits | FAST_OPEN_CONNECT),
        inConfig('connection_settings: { tcp_fastopen: 0 }'),
      ],
    });
  }
  if (listeners.length > 0 && (bits & FAST_OPEN_LISTEN) === 0) {
    findings.push({
      id: 'fast-open-listen',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `tcp_fastopen does nothing for clients of ${listeners.map((listener) => listener.name).join(', ')}`,
      detail: `net.ipv4.tcp_fastopen (${bits}) lacks the bit for listening: data in a SYN is ignored and sent again.`,
      remedies: [setSysctl('net.ipv4.tcp_fastopen', bits | FAST_OPEN_LISTEN)],
    });
  }
  return findings;
}

function whoAsks(name: string, listeners: readonly Listener[], pools: readonly Pool[]): string {
  const asks = (side: Listener | Pool): boolean => side.connection_settings.congestion_control === name;
  return [
    ...listeners.filter(asks).map((listener) => `listener ${listener.name}`),
    ...pools.filter(asks).map((pool) => `pool ${pool.name}`),
  ].join(', ');
}

export function congestion({ config, facts }: Case): readonly Finding[] {
  const { congestionAvailable: available, congestionAllowed: allowed, congestion: standard } = facts.kernel;
  const named = new Set(
    [...config.listeners, ...config.pools].map((side) => side.connection_settings.congestion_control),
  );
  named.delete('');
  const privileged = mayUse(facts.process, 'netAdmin') === true;
  const findings: Finding[] = [];
  for (const name of named) {
    const asks = whoAsks(name, config.listeners, config.pools);
    const atListener = config.listeners.some(
      (listener) => listener.connection_settings.congestion_control === name,
    );
    const fate = atListener ? 'The listener cannot be opened.' : 'Every connect fails.';
    if (available !== undefined && !available.includes(name)) {
      findings.push({
        id: 'congestion-unavailable',
        // With the privilege, the kernel tries to load a module of that name when a socket asks.
        severity: privileged ? 'warning' : 'break',
        onset: { kind: 'start' },
        title: `Congestion control ${name} is not there`,
        detail: `${asks}; the kernel has ${available.join(', ')}.${privileged ? ' It is loaded when first asked for, if there is such a module.' : ''} Else: ${fate}`,
        remedies: [
          run(`sudo modprobe tcp_${name}`),
          inConfig('connection_settings: { congestion_control: "" }'),
        ],
      });
    } else if (
      allowed !== undefined &&
      !allowed.includes(name) &&
      mayUse(facts.process, 'netAdmin') === false
    ) {
      findings.push({
        id: 'congestion-not-allowed',
        severity: 'break',
        onset: { kind: 'start' },
        title: `This account may not choose congestion control ${name}`,
        detail: `${asks}; without CAP_NET_ADMIN only ${allowed.join(', ')} may be chosen. ${fate}`,
        remedies: [
          setSysctl('net.ipv4.tcp_allowed_congestion_control', [...allowed, name].join(' ')),
          inConfig('connection_settings: { congestion_control: "" }'),
        ],
      });
    }
  }
  const unset = [...config.listeners, ...config.pools].some(
    (side) => side.connection_settings.congestion_control === '',
  );
  const used = unset && standard !== undefined ? [...named, standard] : [...named];
  return [...findings, ...pacing(used, facts)];
}

/** Under mq, each queue of a device gets one of the default discipline. */
function oneFqPerQueue({ name, queues }: DeviceFacts): string {
  return `sudo tc qdisc replace dev ${name} root ${queues.length > 1 ? 'mq' : 'fq'}`;
}

/** BBR says when each packet may leave. Something has to hold it until then. */
function pacing(used: readonly string[], facts: Case['facts']): readonly Finding[] {
  const qdisc = facts.kernel.defaultQdisc;
  const pacer = used.find((name) => name.startsWith('bbr'));
  if (pacer === undefined || qdisc === undefined || qdisc === 'fq') return [];
  return [
    {
      id: 'pacing-without-fq',
      severity: 'advice',
      onset: { kind: 'always' },
      title: `${pacer} without fq paces with a timer for each socket`,
      detail: `net.core.default_qdisc is ${qdisc}. It works, at the price of a timer interrupt for each burst of each session; fq does it in the queue of the device. A device that is up keeps the discipline it has.`,
      remedies: [
        run(['sudo sysctl -w net.core.default_qdisc=fq', ...facts.devices.map(oneFqPerQueue)].join(' && ')),
        setSysctl('net.ipv4.tcp_congestion_control', 'cubic'),
      ],
    },
  ];
}

export function windowScaling({ facts }: Case): readonly Finding[] {
  if (facts.kernel.windowScaling !== 0) return [];
  return [
    {
      id: 'window-scaling',
      severity: 'warning',
      onset: { kind: 'always' },
      title: 'No window is larger than 64 KiB',
      detail:
        'net.ipv4.tcp_window_scaling is 0: a session carries at most 64 KiB per round trip, 5 Mbit/s at 100 ms.',
      remedies: [setSysctl('net.ipv4.tcp_window_scaling', 1)],
    },
  ];
}
