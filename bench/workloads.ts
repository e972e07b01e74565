// What is done to each subject, as data: arguments for the generator, how long, and what is read off it. Knows no
// subject and no statistics.

import type { Measured } from './lib/generator.ts';
import { plural } from './lib/format.ts';
import { fitLine } from './lib/stats.ts';

export type Letter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H';

/** A number read off one trial. */
export interface Figure {
  readonly id: string;
  readonly name: string;
  readonly unit: string;
  /** `lower` is better but for rates. */
  readonly better: 'lower' | 'higher';
  /** `added`: what the proxy puts on top of direct, in the same round. */
  readonly relative: 'plain' | 'added';
  read(measured: Measured): number | undefined;
}

export interface Workload {
  readonly id: string;
  readonly letter: Letter;
  readonly title: string;
  /** For the report: what runs, in a sentence. */
  readonly about: string;
  readonly loop: 'closed' | 'open' | 'none';
  readonly args: readonly string[];
  /** The first is the one that a goal is about. */
  readonly figures: readonly Figure[];
  /** CPUs are kept from sleeping, so that a wake-up costs the same each time. */
  readonly awake: boolean;
  /** Of the whole set in a short run. */
  readonly quick: boolean;
  /** Largest share of the p99 that the generator's own lateness may have, beyond what is always allowed. */
  readonly mostLag?: number;
  /** Ids of the only subjects that it is for. */
  readonly only?: readonly string[];
}

const perUnit = (ns: number | undefined, units: number, scale: number): number | undefined =>
  ns === undefined || units === 0 ? undefined : (ns / units) * scale;

function proxyCpu(unit: string, scale: number): Figure {
  return {
    id: 'cpu',
    name: 'proxy CPU',
    unit,
    better: 'lower',
    relative: 'plain',
    // A direct trial has no proxy.
    read: (m) => ((m.threads ?? []).length === 0 ? undefined : perUnit(m.proxy_ns, m.units, scale)),
  };
}

/** Whatever runs on the machine, with the load itself. */
function machineCpu(unit: string, scale: number): Figure {
  return {
    id: 'machine',
    name: 'machine CPU',
    unit,
    better: 'lower',
    relative: 'plain',
    read: (m) => perUnit(m.machine_ns, m.units, scale),
  };
}

function rate(unit: string, scale: number): Figure {
  return {
    id: 'rate',
    name: 'rate',
    unit,
    better: 'higher',
    relative: 'plain',
    read: (m) => (m.window_ns === undefined ? undefined : (m.units / m.window_ns) * 1e9 * scale),
  };
}

function latency(q: 'p50' | 'p99', relative: 'plain' | 'added', name: string): Figure {
  return {
    id: relative === 'added' ? `added-${q}` : q,
    name,
    unit: 'µs',
    better: 'lower',
    relative,
    read: (m) => (m.latency === undefined || m.latency.count === 0 ? undefined : m.latency[q] / 1000),
  };
}

function bytesPerSession(id: 'user' | 'kernel', of: 'pss' | 'slab'): Figure {
  return {
    id,
    name: id === 'user' ? 'user memory' : 'kernel memory',
    unit: 'B/session',
    better: 'lower',
    // The two ends of every session are on this machine as well: what direct has of them is not the proxy's.
    relative: id === 'user' ? 'plain' : 'added',
    read(m) {
      const steps = m.memory ?? [];
      // Only root may read the kernel's caches; direct has no process to have memory.
      if (steps.every((step) => step[of] === 0)) return undefined;
      return fitLine(steps.map((step) => ({ x: step.sessions, y: step[of] })))?.slope;
    },
  };
}

const bulkFigures = [proxyCpu('ms/GB', 1e3), machineCpu('ms/GB', 1e3), rate('GB/s', 1e-9)];
const requestFigures = [
  proxyCpu('µs/request', 1e-3),
  machineCpu('µs/request', 1e-3),
  rate('requests/s', 1),
  latency('p99', 'plain', 'p99 at saturation'),
];
const connectionFigures = [
  proxyCpu('µs/connection', 1e-3),
  machineCpu('µs/connection', 1e-3),
  rate('connections/s', 1),
];

function bulk(id: string, direction: string, title: string, quick: boolean): Workload {
  return {
    id,
    letter: 'A',
    title,
    about: `4 streams, ${direction === 'both' ? 'both ways at once' : 'backend to client'}, as fast as they go`,
    loop: 'closed',
    args: ['bulk', '--streams', '4', '--direction', direction],
    figures: bulkFigures,
    awake: false,
    quick,
  };
}

function keepAlive(connections: number, quick: boolean, awake = false): Workload {
  const sleepy = connections === 1 && !awake;
  return {
    id: `B.${connections}${sleepy ? '.sleepy' : ''}`,
    letter: 'B',
    title: `small requests, ${plural(connections, 'connection')}${sleepy ? ', CPUs may sleep' : ''}`,
    about: '100 B each way over connections that stay, the next request follows the answer',
    loop: 'closed',
    args: ['ask', '--connections', String(connections)],
    figures: requestFigures,
    awake,
    quick,
  };
}

function idle(ask: boolean): Workload {
  return {
    id: ask ? 'D.used' : 'D.silent',
    letter: 'D',
    title: ask ? 'idle sessions, each used once' : 'idle sessions that never spoke',
    about: 'memory per session: the slope over 0, 1,000, 4,000 and 8,500 open sessions',
    loop: 'none',
    args: ['idle', '--sessions', '1000,4000,8500', '--ask', ask ? 'yes' : 'no'],
    figures: [bytesPerSession('user', 'pss'), bytesPerSession('kernel', 'slab')],
    awake: false,
    quick: ask,
  };
}

function fixedRate(id: string, awake: boolean): Workload {
  return {
    id,
    letter: 'F',
    title: awake ? 'latency at a fixed rate' : 'latency at a fixed rate, CPUs may sleep',
    about: `4,000 requests a second of 100 B over 32 connections, at random times, whatever the answers do; CPUs ${awake ? 'are kept awake' : 'sleep when idle'}`,
    loop: 'open',
    args: ['ask', '--connections', '32', '--per-second', '4000'],
    figures: [
      latency('p50', 'added', 'added p50'),
      latency('p99', 'added', 'added p99'),
      proxyCpu('µs/request', 1e-3),
    ],
    awake,
    quick: awake,
    mostLag: 0.1,
  };
}

function backends(count: number): Workload {
  return {
    id: `G.${count}`,
    letter: 'G',
    title: `short connections over ${count} backends`,
    about: 'the workload of C, spread over so many backends',
    loop: 'closed',
    args: ['short', '--connections', '16', '--sources', '16', '--backends', String(count)],
    figures: [
      ...connectionFigures,
      {
        id: 'unfair',
        name: 'most less least, of the mean',
        unit: '',
        better: 'lower',
        relative: 'plain',
        read: ({ picks }) =>
          picks === undefined || picks.most === 0
            ? undefined
            : (2 * (picks.most - picks.least)) / (picks.most + picks.least),
      },
    ],
    awake: false,
    quick: false,
  };
}

export const workloads: readonly Workload[] = [
  bulk('A.one-way', 'to_client', 'bulk, one way', true),
  bulk('A.both-ways', 'both', 'bulk, both ways', false),
  {
    ...bulk('A.paced', 'to_client', 'bulk, one way, at a fixed rate', false),
    about: '4 streams, backend to client, 500 MB/s in all: the same load for everybody',
    loop: 'open',
    args: ['bulk', '--streams', '4', '--direction', 'to_client', '--bytes-per-second', '5e8'],
    figures: [proxyCpu('ms/GB', 1e3), machineCpu('ms/GB', 1e3)],
  },
  keepAlive(1, false, true),
  keepAlive(1, false),
  keepAlive(64, true),
  keepAlive(512, false),
  {
    id: 'C',
    letter: 'C',
    title: 'short connections',
    about: 'connect, ask 100 B, be answered 100 B, close; 16 at a time, over 8 backends',
    loop: 'closed',
    args: ['short', '--connections', '16', '--sources', '16', '--backends', '8'],
    figures: connectionFigures,
    awake: false,
    quick: true,
  },
  idle(false),
  idle(true),
  {
    id: 'E',
    letter: 'E',
    title: 'small requests beside bulk',
    about: '2,000 requests a second over 16 connections while 2 streams carry 300 MB/s',
    loop: 'open',
    args: [
      'mixed',
      '--streams',
      '2',
      '--bytes-per-second',
      '3e8',
      '--connections',
      '16',
      '--per-second',
      '2000',
    ],
    figures: [latency('p99', 'plain', 'p99'), latency('p50', 'plain', 'p50'), proxyCpu('µs/request', 1e-3)],
    awake: true,
    quick: false,
    mostLag: 0.25,
  },
  fixedRate('F', true),
  fixedRate('F.sleepy', false),
  backends(2),
  backends(500),
  {
    id: 'H',
    letter: 'H',
    title: 'reloads under load',
    about:
      '4,000 requests a second over 32 connections while the config is changed and reloaded without a pause',
    loop: 'open',
    args: ['ask', '--connections', '32', '--per-second', '4000'],
    figures: [latency('p99', 'plain', 'p99'), latency('p50', 'plain', 'p50')],
    awake: true,
    quick: false,
    only: ['ours', 'ours/reloading'],
  },
];

/** "A,B.64" to workloads; a letter stands for all of its kind. Throws a RangeError for what is none. */
export function chooseWorkloads(text: string): Workload[] {
  return text.split(',').flatMap((word) => {
    const wanted = word.trim().toLowerCase();
    const found = workloads.filter((w) => w.id.toLowerCase() === wanted || w.letter.toLowerCase() === wanted);
    if (found.length === 0) {
      throw new RangeError(`no workload ${word}: there are ${workloads.map((w) => w.id).join(', ')}`);
    }
    return found;
  });
}
