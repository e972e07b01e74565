// Kernel pipes for spliced sessions: how large one may be, and how many an account without privileges may hold.

import { PAGE } from '../costs.ts';
import type { Case } from '../demand.ts';
import { mayUse } from '../facts.ts';
import { type Finding, inConfig, type Remedy, setSysctl } from '../finding.ts';

/** The kernel gives a pipe a power of two of pages. */
function pagesOf(pipeSize: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, Math.ceil(pipeSize / PAGE))));
}

function isPrivileged({ facts }: Case): boolean | undefined {
  const resource = mayUse(facts.process, 'sysResource');
  return resource === undefined ? undefined : resource || mayUse(facts.process, 'sysAdmin') === true;
}

export function pipeQuota(about: Case): readonly Finding[] {
  const { config, facts, demand } = about;
  const soft = facts.kernel.pipePagesSoft;
  const splicing = config.listeners.filter((listener) => listener.splice !== 'off');
  if (soft === undefined || soft === 0 || isPrivileged(about) !== false || splicing.length === 0) return [];
  // The largest pipes decide: a quota is one for all listeners of the account.
  const size = Math.max(...splicing.map((listener) => listener.pipe_size));
  const pages = pagesOf(size);
  const directions = 2 * splicing.reduce((sum, listener) => sum + (demand.sessionsOf.get(listener) ?? 0), 0);
  const fits = Math.floor(soft / pages);
  if (fits >= directions) return [];

  const memory = facts.memory.total;
  const affordable = memory === undefined ? Infinity : Math.floor(memory / 4 / PAGE);
  const wanted = Math.min(directions * pages, affordable);
  const remedies: Remedy[] = wanted > soft ? [setSysctl('fs.pipe-user-pages-soft', wanted)] : [];
  const smaller = 2 ** Math.floor(Math.log2(soft / directions)) * PAGE;
  remedies.push(smaller >= PAGE ? inConfig(`pipe_size: ${smaller}`) : inConfig('splice: off'));
  return [
    {
      id: 'pipe-quota',
      severity: splicing.some((listener) => listener.splice === 'on') ? 'warning' : 'advice',
      onset: { kind: 'stuck-directions', count: fits },
      title: `The account's quota is ${fits} pipes of ${size} bytes`,
      detail: `fs.pipe-user-pages-soft is ${soft} pages, and this account has no CAP_SYS_RESOURCE; ${directions / 2} sessions may need ${directions} pipes. A pipe is held only while its receiver is slow; those beyond the quota have 8 KiB, which makes splicing dear.${wanted > soft && wanted < directions * pages ? ` The figure below is a quarter of the memory, enough for ${Math.floor(wanted / pages)}.` : ''}`,
      remedies,
    },
  ];
}

export function pipeSize(about: Case): readonly Finding[] {
  const most = about.facts.kernel.pipeSizeMax;
  if (most === undefined || mayUse(about.facts.process, 'sysResource') !== false) return [];
  const cut = about.config.listeners.filter(
    (listener) => listener.splice !== 'off' && listener.pipe_size > most,
  );
  if (cut.length === 0) return [];
  const size = Math.max(...cut.map((listener) => listener.pipe_size));
  return [
    {
      id: 'pipe-size',
      severity: 'warning',
      onset: { kind: 'always' },
      title: `pipe_size ${size} is refused, pipes stay at 65536 bytes`,
      detail: `fs.pipe-max-size is ${most}, and this account has no CAP_SYS_RESOURCE (${cut.map((l) => l.name).join(', ')}).`,
      remedies: [setSysctl('fs.pipe-max-size', pagesOf(size) * PAGE), inConfig(`pipe_size: ${most}`)],
    },
  ];
}
