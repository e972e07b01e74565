// Answers of custom checks, kept for as long as the config says and shared by everybody who asks the same about the
// same backend. Each carries the time it was asked for, so that nobody counts it twice. Whoever asks while the question
// is on its way waits for the same answer.

import type { Verdict } from './health.ts';

export interface AnswerCache {
  /** The answer of at most `keepMs` ago, or a new one. `ask` never rejects. */
  answer(question: string, keepMs: number, ask: () => Promise<Verdict>): Promise<Verdict>;
}

/** More questions than backends times checks are not asked; beyond, the oldest answers are forgotten. */
const MAX_ANSWERS = 8192;

interface Kept {
  readonly answer: Promise<Verdict>;
  /** Monotonic milliseconds; undefined while it is on its way. */
  at: number | undefined;
}

export function createAnswerCache(now: () => number): AnswerCache {
  const kept = new Map<string, Kept>();

  return {
    answer(question, keepMs, ask) {
      const known = kept.get(question);
      if (known !== undefined && (known.at === undefined || now() - known.at < keepMs)) return known.answer;
      const askedAt = now();
      const fresh: Kept = {
        at: undefined,
        answer: ask().then((verdict) => {
          fresh.at = now();
          if (verdict.outcome === 'inconclusive' && kept.get(question) === fresh) kept.delete(question);
          return { ...verdict, askedAt };
        }),
      };
      kept.delete(question);
      kept.set(question, fresh);
      for (const oldest of kept.keys()) {
        if (kept.size <= MAX_ANSWERS) break;
        kept.delete(oldest);
      }
      return fresh.answer;
    },
  };
}
