// Findings as text for a terminal, or as JSON for scripts. Decides nothing.

import type { Config } from '../config/config.ts';
import { demandOf } from './demand.ts';
import type { HostFacts } from './facts.ts';
import type { Finding, Onset, Remedy, Severity } from './finding.ts';

const WORDS: Record<Severity, string> = { break: 'WILL BREAK', warning: 'WARNING', advice: 'ADVICE' };

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function onsetText(onset: Onset): string {
  switch (onset.kind) {
    case 'start':
      return 'at start';
    case 'always':
      return 'at any load';
    case 'sessions':
      return onset.count === 0
        ? 'at the first session'
        : `above ${plural(onset.count, 'session', 'sessions')} at once`;
    case 'backend-sessions':
      return `above ${plural(onset.count, 'session', 'sessions')} at once on ${onset.backend}`;
    case 'backend-rate':
      return `above ${onset.perSecond} new sessions a second on ${onset.backend}`;
    case 'burst':
      return `when more than ${plural(onset.count, 'connection waits', 'connections wait')} to be accepted`;
    case 'stuck-directions':
      return `above ${plural(onset.count, 'direction', 'directions')} with a slow receiver at once`;
    case 'stuck-sessions':
      return `above ${plural(onset.count, 'session', 'sessions')} stuck in both directions at once`;
    default: {
      const unreachable: never = onset;
      throw new TypeError(`no such onset: ${JSON.stringify(unreachable)}`);
    }
  }
}

const WIDTH = 110;

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join('\n');
}

function remedyText(remedy: Remedy, first: boolean): string {
  const lead = first ? '  mend: ' : '    or: ';
  // Commands are never wrapped: they are there to be copied.
  if (remedy.kind === 'run') return lead + remedy.command;
  return remedy.lines
    .split('\n')
    .map((line, i) =>
      i === 0 ? `${lead}in the config: ${line}` : `${' '.repeat(lead.length)}               ${line}`,
    )
    .join('\n');
}

function findingText(finding: Finding): string {
  return [
    `${WORDS[finding.severity]}, ${onsetText(finding.onset)} [${finding.id}]`,
    wrap(finding.title, '  '),
    wrap(finding.detail, '  '),
    ...finding.remedies.map((remedy, i) => remedyText(remedy, i === 0)),
  ].join('\n');
}

function basisText(config: Config, facts: HostFacts): string {
  const demand = demandOf(config, facts);
  const limits =
    facts.process.pid === undefined
      ? 'limits of a process started from here'
      : `limits of process ${facts.process.pid}`;
  return `${config.file}: ${plural(demand.sessions, 'session', 'sessions')} at once on ${plural(demand.workers, 'worker', 'workers')}, ${plural(demand.backends.length, 'backend', 'backends')}; ${limits}.`;
}

function summary(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'Nothing to mend: this host carries what this config allows.';
  const count = (severity: Severity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  return `${count('break')} will break, ${plural(count('warning'), 'warning', 'warnings')}, ${plural(count('advice'), 'piece', 'pieces')} of advice.`;
}

export function textReport(config: Config, facts: HostFacts, findings: readonly Finding[]): string {
  const parts = [basisText(config, facts), ...findings.map(findingText), summary(findings)];
  if (facts.unread.length > 0)
    parts.push(wrap(`Could not be read, and was not judged: ${facts.unread.join(', ')}.`, ''));
  return `${parts.join('\n\n')}\n`;
}

export function jsonReport(
  config: Config,
  facts: HostFacts,
  findings: readonly Finding[],
  exitCode: number,
): string {
  const demand = demandOf(config, facts);
  const report = {
    file: config.file,
    exit: exitCode,
    basis: {
      workers: demand.workers,
      sessions: demand.sessions,
      sessions_by_descriptors: demand.sessionsByDescriptors ?? null,
      backends: demand.backends.map(({ key, share, alone, warm }) => ({ backend: key, share, alone, warm })),
    },
    findings: findings.map((finding) => ({ ...finding, when: onsetText(finding.onset) })),
    not_read: facts.unread,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
