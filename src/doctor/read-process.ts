// What one process may do: limits, CPUs, capabilities, and the tightest control group above it. Both versions of
// control groups, since hosts with the first one are still about.

import type { Limit, ProcessFacts } from './facts.ts';
import { type Files, parseList } from './files.ts';

function limitNumber(word: string | undefined): number {
  return word === undefined || word === 'unlimited' ? Infinity : Number(word);
}

function descriptorLimit(files: Files, folder: string): Limit | undefined {
  const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(
    files.text(`${folder}/limits`) ?? '',
  );
  return match === null ? undefined : { soft: limitNumber(match[1]), hard: limitNumber(match[2]) };
}

/** Folders of the process's control group and those above it, for one kind of resource. */
function groupFolders(files: Files, folder: string, controller: string): readonly string[] {
  for (const line of (files.text(`${folder}/cgroup`) ?? '').split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, number, controllers = '', path = '/'] = match;
    const unified = number === '0' && controllers === '';
    if (!unified && !controllers.split(',').includes(controller)) continue;
    const mount = unified ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`;
    const parts = path.split('/').filter(Boolean);
    const folders = parts.map((_, i) => `${mount}/${parts.slice(0, i + 1).join('/')}`).reverse();
    // Inside a container the path may be the one outside: the mount itself is then the group.
    folders.push(mount);
    if (folders.some((at) => files.names(at).some((name) => name.startsWith(`${controller}.`))))
      return folders;
  }
  return [];
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value): value is number => value !== undefined && Number.isFinite(value));
  return known.length === 0 ? undefined : Math.min(...known);
}

function cpuQuota(files: Files, folder: string): number | undefined {
  const quotas = groupFolders(files, folder, 'cpu').map((at) => {
    const [quota, period] = files.words(`${at}/cpu.max`) ?? [];
    if (quota !== undefined && quota !== 'max') return Number(quota) / Number(period ?? 100_000);
    const old = files.number(`${at}/cpu.cfs_quota_us`);
    const oldPeriod = files.number(`${at}/cpu.cfs_period_us`);
    return old !== undefined && old > 0 && oldPeriod !== undefined ? old / oldPeriod : undefined;
  });
  return least(quotas);
}

/** "No limit" of the first version is a number near 2^63. */
const NO_MEMORY_LIMIT = 2 ** 60;

function memoryLeft(files: Files, folder: string): number | undefined {
  const left = groupFolders(files, folder, 'memory').map((at) => {
    const most = files.number(`${at}/memory.max`) ?? files.number(`${at}/memory.limit_in_bytes`);
    const now = files.number(`${at}/memory.current`) ?? files.number(`${at}/memory.usage_in_bytes`);
    return most === undefined || most > NO_MEMORY_LIMIT ? undefined : Math.max(0, most - (now ?? 0));
  });
  return least(left);
}

export function readProcess(files: Files, pid: number | undefined): ProcessFacts {
  const folder = `/proc/${pid ?? 'self'}`;
  const status = files.text(`${folder}/status`) ?? '';
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  const cpus = /^Cpus_allowed_list:\s*(\S*)$/m.exec(status)?.[1];
  const descriptors = descriptorLimit(files, folder);
  if (descriptors === undefined) files.unread.push(`${folder}/limits`);
  return {
    pid,
    descriptors,
    cpus: cpus === undefined ? undefined : parseList(cpus),
    capabilities: capabilities === undefined ? undefined : BigInt(`0x${capabilities}`),
    cpuQuota: cpuQuota(files, folder),
    memoryLeft: memoryLeft(files, folder),
  };
}
