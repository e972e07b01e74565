// One thing that the doctor has to say. What it is, when it shows, and what mends it, as data: words for a terminal are
// put together in report.ts.

/** break: it will fail. warning: it fails or suffers at a load that the config allows. advice: it could be better. */
export type Severity = 'break' | 'warning' | 'advice';

/** When it shows. Counts are exact to what was read, not to the session. */
export type Onset =
  | { readonly kind: 'start' }
  | { readonly kind: 'always' }
  /** Open at once, over all listeners. */
  | { readonly kind: 'sessions'; readonly count: number }
  /** Open at once on one backend. */
  | { readonly kind: 'backend-sessions'; readonly count: number; readonly backend: string }
  | { readonly kind: 'backend-rate'; readonly perSecond: number; readonly backend: string }
  /** Connections that wait to be accepted at one moment. */
  | { readonly kind: 'burst'; readonly count: number }
  /** Directions, two a session, whose receiver takes nothing. */
  | { readonly kind: 'stuck-directions'; readonly count: number }
  | { readonly kind: 'stuck-sessions'; readonly count: number };

export type Remedy =
  /** For a shell, as it stands. */
  | { readonly kind: 'run'; readonly command: string }
  /** For the config file. */
  | { readonly kind: 'config'; readonly lines: string };

export interface Finding {
  /** Stays the same over versions: for scripts. */
  readonly id: string;
  readonly severity: Severity;
  readonly onset: Onset;
  readonly title: string;
  /** With the figures that it was judged by. */
  readonly detail: string;
  /** Any one of them where they are alternatives, in the order of preference. Never empty. */
  readonly remedies: readonly Remedy[];
}

export const run = (command: string): Remedy => ({ kind: 'run', command });
export const inConfig = (lines: string): Remedy => ({ kind: 'config', lines });

export function setSysctl(name: string, value: string | number): Remedy {
  const text = String(value);
  return run(`sudo sysctl -w ${name}=${text.includes(' ') ? `"${text}"` : text}`);
}

const RANK: Record<Severity, number> = { break: 0, warning: 1, advice: 2 };

function onsetRank(onset: Onset): number {
  switch (onset.kind) {
    case 'start':
      return 0;
    case 'always':
      return 1;
    case 'sessions':
    case 'backend-sessions':
    case 'burst':
    case 'stuck-directions':
    case 'stuck-sessions':
      return 2 + onset.count;
    case 'backend-rate':
      return 2 + onset.perSecond;
    default: {
      const unreachable: never = onset;
      throw new TypeError(`no such onset: ${JSON.stringify(unreachable)}`);
    }
  }
}

/** Worst first; within that, what shows at the lowest load first. */
export function byUrgency(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (a, b) => RANK[a.severity] - RANK[b.severity] || onsetRank(a.onset) - onsetRank(b.onset),
  );
}
