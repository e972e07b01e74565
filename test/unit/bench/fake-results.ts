// Results as a run would write them, made from a table of values: what each subject costs in each round.

export interface FakeTrial {
  readonly round: number;
  readonly workload: string;
  readonly subject: string;
  /** Proxy CPU in nanoseconds, per unit of work. */
  readonly cost: number;
  readonly voids?: readonly string[];
  readonly disturbances?: readonly string[];
  /** Fields of the measurement itself. */
  readonly fields?: object;
}

const FAMILIES: Readonly<Record<string, string>> = {
  direct: 'direct',
  ours: 'ours',
  'ours/reloading': 'ours',
  control: 'control',
  net: 'net',
  'haproxy-default': 'haproxy-default',
  'haproxy-tuned/plain': 'haproxy-tuned',
  'haproxy-tuned/smart': 'haproxy-tuned',
  'nginx-default': 'nginx-default',
  'nginx-tuned/16k': 'nginx-tuned',
};

export function fakeTrial(trial: FakeTrial): object {
  const { round, workload, subject, cost, voids = [], disturbances = [], fields = {} } = trial;
  const units = 1000;
  return {
    round,
    workload,
    subject,
    voids,
    disturbances,
    measured: {
      unit: 'requests',
      units,
      window_ns: 1e9,
      threads: subject === 'direct' ? [] : [{ pid: 1, tid: 1, name: 'proxy', ns: cost * units }],
      proxy_ns: cost * units,
      proxy_clock_ns: cost * units,
      own_ns: 100 * units,
      machine_ns: (100 + cost) * units,
      tasks_ns: (100 + cost) * units,
      forks: 1,
      steal_ns: 0,
      capacity_ns: 2e9,
      descriptors_before: 10,
      descriptors_after: 10,
      errors: {},
      ...fields,
    },
  };
}

export function fakeResults(trials: readonly FakeTrial[], rest: object = {}): object {
  return {
    format: 1,
    from: '2026-01-02T03:04:05.000Z',
    to: '2026-01-02T04:05:06.000Z',
    seed: 7,
    rounds: 10,
    quick: false,
    strangersTolerated: false,
    windowSeconds: 3,
    warmUpSeconds: 1,
    command: 'npm run bench -- --seed 7',
    environment: {
      cpu: 'Some CPU (family 1, model 2)',
      cpus: 2,
      memoryGiB: 4,
      kernel: '6.0.0-1',
      virtual: true,
      governor: 'none',
      clocksource: 'tsc',
      mitigations: 'none',
      placement: 'proxy pinned to CPU 0, generator and backends to CPU 1',
      network: 'loopback',
      sysctls: { 'net.ipv4.tcp_congestion_control': 'cubic' },
      descriptorLimit: '1024 / 1024',
      versions: { node: 'v20', haproxy: '2.6', nginx: '1.22' },
      commit: '0123456789abcdef',
      dirty: false,
      loadBefore: [0, 0, 0],
      loadAfter: [1, 1, 1],
      idleBusy: 0.01,
    },
    notes: [],
    subjects: Object.entries(FAMILIES).map(([id, family]) => ({ id, family, setup: `setup of ${id}` })),
    trials: trials.map(fakeTrial),
    syscalls: [],
    micro: [],
    ...rest,
  };
}

/** `rounds` rounds in which every subject costs what the table says, times a factor that all of a round share. */
export function rounds(
  count: number,
  workload: string,
  costs: Readonly<Record<string, number>>,
): FakeTrial[] {
  return Array.from({ length: count }, (_, n) => n + 1).flatMap((round) =>
    Object.entries(costs).map(([subject, cost]) => ({
      round,
      workload,
      subject,
      // The machine is faster and slower from round to round; each subject also has a small wobble of its own.
      cost: cost * (1 + (round % 3)) * (1 + 0.01 * ((round * 7 + subject.length) % 5)),
    })),
  );
}
