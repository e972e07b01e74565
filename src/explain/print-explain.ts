// An explanation as text for people. Says of every pick how far it can be trusted.

import { printText } from '../config/kinds.ts';
import type { Candidate } from './candidates.ts';
import type { Explanation } from './explain.ts';
import { percent, table } from './table.ts';

export function printExplanation(explanation: Explanation, asked: string | undefined): string {
  const { client, listener, pool, candidates, excluded, unknown, offers, next } = explanation;
  const lines = [
    `listener ${printText(listener.name)} (${listener.listen.join(', ')}) -> pool ${printText(pool.name)}: ${pool.algorithm}\n`,
    `client ${client}\n`,
    asked === undefined
      ? 'states: nobody was asked (--metrics URL), all count as up\n'
      : `states: from ${asked}\n`,
    ...(unknown.length > 0 ? [`not known there, counted as up: ${unknown.join(', ')}\n`] : []),
    `\ncandidates: ${groundsText(explanation)}\n`,
    ...(candidates.length > 0
      ? [table([['backend', 'weight', 'share', 'state', 'sessions'], ...candidates.map(candidateRow)])]
      : []),
    ...(excluded.length > 0
      ? ['\nexcluded\n', table(excluded.map(({ backend, text }) => [backend, text]))]
      : []),
  ];
  const [pick, ...others] = offers;
  if (pick === undefined) return [...lines, '\npick: nobody; the session ends at once\n'].join('');
  return [
    ...lines,
    `\npick: ${pick}\n  ${certaintyText(explanation)}\n`,
    others.length > 0
      ? `if it cannot be connected to: ${others.join(', then ')}; then the session ends\n`
      : 'if it cannot be connected to: the session ends\n',
    ...(next.length > 0 ? [`the next sessions get: ${next.join(', ')}\n`] : []),
  ].join('');
}

function candidateRow({ backend, weight, share, state, sessions }: Candidate): readonly string[] {
  return [
    backend,
    String(weight),
    percent(share),
    STATES[state],
    sessions === undefined ? '-' : String(sessions),
  ];
}

const STATES: Readonly<Record<Candidate['state'], string>> = {
  up: 'up',
  'assumed-up': 'up?',
  'down-ignored': 'down, ignored',
};

function groundsText({ grounds, pool, candidates, excluded }: Explanation): string {
  const count = `${candidates.length} of ${candidates.length + excluded.length}`;
  switch (grounds) {
    case 'primaries':
      return count;
    case 'backups':
      return `${count}, the backups, since no primary is up`;
    case 'panic':
      return `${count}, up or not: fewer than ${pool.panic_threshold}% are up (panic_threshold)`;
    case 'nobody':
      return 'none';
    default: {
      const unreachable: never = grounds;
      throw new TypeError(`no such grounds: ${String(unreachable)}`);
    }
  }
}

function certaintyText({ certainty, pool, candidates, client }: Explanation): string {
  switch (certainty) {
    case 'exact':
      return candidates.length === 1
        ? 'the only candidate'
        : `always the one for ${client}, on every balancer with this config and these states`;
    case 'by-chance':
      return `${pool.algorithm} draws: this is one course among many`;
    case 'cold-start':
      return candidates.some(({ sessions }) => sessions !== undefined)
        ? `${pool.algorithm} with the sessions above, were it this client's turn first`
        : `${pool.algorithm} from a cold start: for the first session of a balancer that has none yet`;
    default: {
      const unreachable: never = certainty;
      throw new TypeError(`no such certainty: ${String(unreachable)}`);
    }
  }
}
