// What a host is, as far as a load balancer is concerned: plain data, read once. Undefined means that it could not be
// read, which is not the same as 0 and is never judged. Nothing here knows a config.

/** `soft` and `hard` are Infinity where there is no limit. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** The process that will run, or runs, the balancer. */
export interface ProcessFacts {
  /** Set when a running process was asked about; its limits are then taken as they are. */
  readonly pid: number | undefined;
  readonly descriptors: Limit | undefined;
  /** CPUs that it may run on, ascending. */
  readonly cpus: readonly number[] | undefined;
  /** The effective set, one bit each. */
  readonly capabilities: bigint | undefined;
  /** CPUs' worth of time that its control group may use. */
  readonly cpuQuota: number | undefined;
  /** Bytes that its control group may still take. */
  readonly memoryLeft: number | undefined;
}

/** Numbers of /proc/sys, by their usual names; -1 never stands for "unknown". */
export interface KernelFacts {
  readonly somaxconn: number | undefined;
  readonly synBacklog: number | undefined;
  readonly synCookies: number | undefined;
  readonly migrateRequests: number | undefined;
  readonly fastOpen: number | undefined;
  readonly localPorts: readonly [from: number, to: number] | undefined;
  /** Ports never chosen for connections, ascending. */
  readonly reservedPorts: readonly number[] | undefined;
  readonly unprivilegedPortStart: number | undefined;
  readonly reuseTimeWait: number | undefined;
  readonly windowScaling: number | undefined;
  readonly receiveBufferMax: number | undefined;
  readonly sendBufferMax: number | undefined;
  /** Least, default, most. */
  readonly tcpReceive: readonly number[] | undefined;
  readonly tcpSend: readonly number[] | undefined;
  /** Pages: no concern, pressure, most. */
  readonly tcpMemory: readonly number[] | undefined;
  readonly congestion: string | undefined;
  readonly congestionAvailable: readonly string[] | undefined;
  readonly congestionAllowed: readonly string[] | undefined;
  readonly defaultQdisc: string | undefined;
  readonly openLimit: number | undefined;
  readonly openFiles: number | undefined;
  /** The most that RLIMIT_NOFILE can be. */
  readonly descriptorCeiling: number | undefined;
  /** Pages that an unprivileged user may hold in pipes; 0 is no limit. */
  readonly pipePagesSoft: number | undefined;
  /** Bytes that an unprivileged user may give one pipe. */
  readonly pipeSizeMax: number | undefined;
}

export interface ConntrackFacts {
  readonly most: number;
  readonly buckets: number | undefined;
  readonly now: number | undefined;
}

export interface ReceiveQueue {
  readonly name: string;
  /** CPUs that the kernel hands its packets on to; empty where it does not. */
  readonly rpsCpus: readonly number[];
}

export interface DeviceFacts {
  readonly name: string;
  /** Memory node, undefined where there is only one or it is not known. */
  readonly node: number | undefined;
  readonly queues: readonly ReceiveQueue[];
  /** CPUs that its queues interrupt. */
  readonly irqCpus: readonly number[];
}

export interface HostFacts {
  readonly process: ProcessFacts;
  readonly kernel: KernelFacts;
  /** Undefined where connection tracking is not loaded. */
  readonly conntrack: ConntrackFacts | undefined;
  readonly memory: { readonly total: number | undefined; readonly available: number | undefined };
  readonly cpus: {
    readonly online: readonly number[] | undefined;
    readonly nodes: readonly { readonly node: number; readonly cpus: readonly number[] }[];
  };
  /** Hardware devices that are up. */
  readonly devices: readonly DeviceFacts[];
  /** Names of what could not be read, for people. */
  readonly unread: readonly string[];
}

/** Bit numbers of <linux/capability.h>. */
export const CAPABILITY = { netBindService: 10, netAdmin: 12, sysAdmin: 21, sysResource: 24 } as const;

/** Undefined where the set is not known. */
export function mayUse(process: ProcessFacts, capability: keyof typeof CAPABILITY): boolean | undefined {
  if (process.capabilities === undefined) return undefined;
  return ((process.capabilities >> BigInt(CAPABILITY[capability])) & 1n) === 1n;
}
